"""Tools beside drawing: enlarging by a model, cutting out, describing.

A job for a tool has a thread and a seat as every other; what it computes, the device's thread
computes between the steps of pictures.
"""
