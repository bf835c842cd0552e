"""How the measuring process tells its parent what it found."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import BinaryIO

_REASON_LENGTH = 160


class MeasureError(Exception):
    """Something cannot be measured. The text says why."""


class Reporter:
    """Tells the parent what was found, and why something was not."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def tell(self, **message: object) -> None:
        """Send one line."""
        self._stream.write(json.dumps(message).encode() + b"\n")
        self._stream.flush()

    def measure(
        self, words: str, keys: tuple[str, ...], how: Callable[[], float | Mapping[str, float]]
    ) -> Mapping[str, float]:
        """Make one measure and send it; empty, with the reason sent, where it cannot be made."""
        if words:
            self.tell(say=words)
        try:
            made = how()
        except Exception as error:  # noqa: BLE001  # the worker's border: told to the parent
            name = "" if isinstance(error, MeasureError) else f"{type(error).__name__}: "
            reason = " ".join(f"{name}{error}".split())[:_REASON_LENGTH]
            self.tell(skipped=dict.fromkeys(keys, reason))
            return {}
        found = made if isinstance(made, Mapping) else {keys[0]: made}
        self.tell(found=dict(found))
        return found
