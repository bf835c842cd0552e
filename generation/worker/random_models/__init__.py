"""Models with random weights in the architectures of published ones: for speed, not for pictures.

Nothing is downloaded. How fast a model runs does not depend on what its weights say.
"""

from generation.worker.random_models.architectures import NAMES, PREFIX, TINY, is_random

__all__ = ["NAMES", "PREFIX", "TINY", "is_random"]
