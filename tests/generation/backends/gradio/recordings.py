"""What real apps of five versions said of themselves: their /config and /info, without the looks.

The apps are those of ``tests/real/gradio_app.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

from generation.backends.gradio.app import App, read_app

_FOLDER = Path(__file__).parent / "recorded"

VERSIONS = ("3.36.0", "3.50.2", "4.44.1", "5.50.0", "6.31.0")
ALL_SHAPES = ("3.36.0", "4.44.1", "6.31.0")
"""The versions of which every shape of app was recorded; of the others the usual Space alone."""


def recorded(version: str, shape: str) -> tuple[dict[str, object], dict[str, object]]:
    """The app's /config and /info."""
    found = json.loads((_FOLDER / f"{version}-{shape}.json").read_text(encoding="utf-8"))
    return found["config"], found["info"]


def app_of(version: str, shape: str) -> App:
    """The app as it is understood."""
    return read_app(*recorded(version, shape))
