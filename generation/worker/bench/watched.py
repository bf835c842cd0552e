"""A worker as any other that also writes down when its model's parts are called."""

from __future__ import annotations

import os
import sys

from generation.bench.timeline import line_of
from generation.worker.__main__ import main
from generation.worker.bench.watch import Sight, watching


def serve(diary: str) -> None:
    """Serve a parent as ``generation.worker`` does, with a line in the diary for each call."""
    file = os.open(diary, os.O_WRONLY | os.O_APPEND)

    def write(sight: Sight) -> None:
        os.write(file, line_of(sight.call).encode())

    with watching(write):
        main()


if __name__ == "__main__":
    serve(sys.argv[1])
