"""Real Gradio of every generation, each in a virtual environment of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.servers.loopback import deaf_port

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv-gradio"
PROGRAM = ROOT / "tests" / "real" / "gradio_app.py"
START_SECONDS = 120

_OLD_WEB = ("fastapi<0.112", "starlette<0.38")
_OLD_HUB = "huggingface_hub<0.26"

# What pip would choose today no longer fits the older ones.
PINS: dict[str, tuple[str, ...]] = {
    "3.36.0": (
        *("gradio==3.36.0", "gradio_client<0.3", "pydantic<2", "numpy<2", _OLD_HUB),
        *("fastapi<0.100", "starlette<0.28"),
    ),
    "3.36.0-pydantic-2": (
        *("gradio==3.36.0", "gradio_client<0.3", "pydantic>=2,<3", "numpy<2", _OLD_HUB),
        *_OLD_WEB,
    ),
    "3.50.2": ("gradio==3.50.2", "numpy<2", _OLD_HUB, *_OLD_WEB),
    "4.8.0": ("gradio==4.8.0", "pydantic<2.11", _OLD_HUB, *_OLD_WEB),
    "4.16.0": ("gradio==4.16.0", "pydantic<2.11", _OLD_HUB, *_OLD_WEB),
    "4.19.2": ("gradio==4.19.2", "pydantic<2.11", _OLD_HUB, *_OLD_WEB),
    "4.44.1": ("gradio==4.44.1", "pydantic<2.11", _OLD_HUB, *_OLD_WEB),
    "5.50.0": ("gradio==5.50.0",),
    "6.31.0": ("gradio==6.31.0",),
}


async def install(version: str) -> Path:
    """The interpreter that has that version; installed once, and kept until the folder is gone."""
    folder = FOLDER / version
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        await _run(sys.executable, "-m", "venv", str(folder))
        await _run(str(python), "-m", "pip", "install", "--quiet", *PINS[version])
        ready.touch()
    return python


@asynccontextmanager
async def started(python: Path, scratch: Path, shape: str, *options: str) -> AsyncIterator[str]:
    """The address of an app of that shape while the block runs. Nothing but loopback is asked."""
    port = deaf_port()
    process = await asyncio.create_subprocess_exec(
        *(str(python), str(PROGRAM), shape, str(port), *options),
        stdout=asyncio.subprocess.PIPE,
        env=_environment(scratch),
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            while (line := await process.stdout.readline()).strip() != b"ready":
                assert line, f"the app ended with {await process.wait()}"
            while not await _listens(port):  # noqa: ASYNC110 (another process cannot tell us)
                await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _environment(scratch: Path) -> dict[str, str]:
    """Ours, without proxies and with everything that Gradio writes in a folder of its own."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return kept | {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(scratch / "files"),
        "HF_HUB_OFFLINE": "1",
        "HOME": str(scratch),
    }


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0, command
