"""LoRA files: found in folders, named, and told apart by the model they were made for.

Nothing here imports torch or reads a weight; ``generation.worker.adapters`` puts them on a model.
"""
