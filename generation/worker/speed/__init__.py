"""What makes a loaded model faster on its device: decided once, put on at load, and told.

``plan`` decides, ``techniques`` puts on, ``regions`` and ``compiling`` turn a denoiser's blocks
into programs of their own while jobs go on without them, ``accelerator`` holds it together.
"""
