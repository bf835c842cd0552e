"""The one owner of running jobs: gives them to backends and their endings to the audience."""

from generation.dispatcher.dispatcher import Dispatcher
from generation.dispatcher.rules import Rules

__all__ = ["Dispatcher", "Rules"]
