"""A worker whose parent is gone, or in which no Python runs any more, ends by itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from generation.backends.deaths import describe_death
from generation.worker.settings import LocalModel
from tests.generation.backends import faulty_worker as fault
from tests.generation.local_models import ROOT


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends after its own patience")
async def test_a_worker_inside_native_code_ends_with_its_parent(
    tiny: LocalModel, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.generation.backends.doomed_parent"),
        *(str(tiny.path), str(fault.STANDSTILL)),
        stdout=subprocess.PIPE,
        env={**os.environ, fault.FIFO: str(fifo)},
        cwd=ROOT,
    )
    assert parent.stdout is not None
    worker = psutil.Process(int(await parent.stdout.readline()))
    await asyncio.to_thread(fifo.read_bytes)
    parent.kill()
    await parent.wait()
    await asyncio.to_thread(worker.wait, 60)
    assert not worker.is_running()


def test_an_interpreter_that_stands_still_says_where_and_ends() -> None:
    program = (
        "import ctypes; from generation.worker import lifeline\n"
        "lifeline.STUCK_SECONDS = 0.3\n"
        "lifeline.attach()\n"
        "lifeline.watch_interpreter()\n"
        "ctypes.PyDLL(None).sleep(600)\n"
    )
    ended = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert 'File "<string>", line 5' in ended.stderr
    assert "stood still" in describe_death(ended.returncode, ended.stderr)
