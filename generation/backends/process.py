"""The parent's end of a worker process: start it, talk to it, end it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence

from generation.worker import protocol

_TAIL = 4000
_SECRET_WORDS = ("TOKEN", "SECRET", "PASSWORD", "API_KEY", "CREDENTIAL")
_BUFFER = 1024 * 1024

WORKER_COMMAND: tuple[str, ...] = (sys.executable, "-m", "generation.worker")


class WorkerProcess:
    """A running worker and its pipes. Create it with ``spawn``."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("the process must have all three pipes")
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._tail = bytearray()
        self._drain = asyncio.create_task(
            self._keep_tail(process.stderr), name=f"worker-stderr-{name}"
        )

    @classmethod
    async def spawn(cls, command: Sequence[str], name: str) -> WorkerProcess:
        """Start the command in a process group of its own. Raises ``OSError``."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(),
            limit=_BUFFER,
            start_new_session=True,  # a Ctrl-C in the terminal is the parent's to handle
        )
        return cls(process, name)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal, or None while it lives."""
        return self._process.returncode

    @property
    def last_words(self) -> str:
        """The end of what it wrote on stderr. For the log only."""
        return self._tail.decode("utf-8", "replace").strip()

    def send(self, message: protocol.ToWorker) -> None:
        """Queue a message. A worker that is gone is noticed by ``receive``."""
        if not self._stdin.is_closing():
            self._stdin.write(protocol.encode(message))

    async def receive(self) -> protocol.Message | None:
        """The next message, or None once the worker has closed its end, even inside a frame.

        Raises ``ProtocolError`` when what comes is no message.
        """
        try:
            prefix = await self._stdout.readexactly(protocol.PREFIX.size)
            header_size, body_size = protocol.frame_sizes(prefix)
            header = await self._stdout.readexactly(header_size)
            body = await self._stdout.readexactly(body_size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return protocol.decode(header, body)

    def kill(self) -> None:
        """Kill it and whatever it started, at once."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Wait until it has ended; returns the exit status."""
        status = await self._process.wait()
        await self._drain
        self._stdin.close()
        return status

    async def _keep_tail(self, stderr: asyncio.StreamReader) -> None:
        while chunk := await stderr.read(4096):
            self._tail += chunk
            del self._tail[:-_TAIL]


def _environment() -> dict[str, str]:
    """The parent's environment, less its secrets: the worker talks to nobody."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not any(word in name.upper() for word in _SECRET_WORDS)
    }
    # The child must find this very package, wherever the bot was started.
    kept["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return kept
