"""A parent that is killed: starts the faulty worker on a job that never ends, and says its pid."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from generation.backends.base import Work
from generation.backends.local import LocalBackend
from generation.types import new_job_id
from generation.worker.settings import LocalModel
from tests.generation.local_models import params


async def main(model: Path, width: int) -> None:
    tiny = LocalModel(name="tiny", title="Tiny", path=model, steps=4, width=64, height=64)
    command = (sys.executable, "-m", "tests.generation.backends.faulty_worker")
    backend = LocalBackend("local", [tiny], device="cpu", threads=1, slots=1, command=command)
    await backend.start()
    session = backend._session
    assert session is not None
    sys.stdout.write(f"{session.process.pid}\n")
    sys.stdout.flush()
    async for _ in backend.run(Work(job_id=new_job_id(), params=params(width=width))):
        pass


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
