"""The parent's end of a worker process: start it, talk to it, end it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import SubprocessStreamProtocol
from collections.abc import Sequence

from generation.backends.deaths import describe_death, essence
from generation.worker import protocol

_TAIL = 8000
_CHUNK = 64 * 1024
_LAST_WORDS_SECONDS = 2.0
_SECRET_WORDS = ("TOKEN", "SECRET", "PASSWORD", "API_KEY", "CREDENTIAL")
_BUFFER = 1024 * 1024

WORKER_COMMAND: tuple[str, ...] = (sys.executable, "-m", "generation.worker")


class _Life(SubprocessStreamProtocol):
    """Tells when the process has ended, also while others keep its pipes open.

    ``asyncio``'s own ``wait`` waits for the pipes as well.
    """

    def __init__(self) -> None:
        super().__init__(limit=_BUFFER, loop=asyncio.get_running_loop())
        self.ended = asyncio.Event()

    def process_exited(self) -> None:
        """Called by the event loop."""
        super().process_exited()
        self.ended.set()


class WorkerProcess:
    """A running worker and its pipes. Create it with ``spawn``."""

    def __init__(self, transport: asyncio.SubprocessTransport, life: _Life, name: str) -> None:
        if life.stdin is None or life.stdout is None or life.stderr is None:
            raise ValueError("the process must have all three pipes")
        self._transport = transport
        self._ended = life.ended
        self._stdin = life.stdin
        self._stdout = life.stdout
        self._tail = bytearray()
        self._drain = asyncio.create_task(
            self._keep_tail(life.stderr), name=f"worker-stderr-{name}"
        )
        self._gone = asyncio.create_task(self._outlive(), name=f"worker-end-{name}")

    @classmethod
    async def spawn(cls, command: Sequence[str], name: str) -> WorkerProcess:
        """Start the command in a process group of its own. Raises ``OSError``."""
        transport, life = await asyncio.get_running_loop().subprocess_exec(
            _Life,
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=child_environment(),
            start_new_session=True,  # a Ctrl-C in the terminal is the parent's to handle
        )
        return cls(transport, life, name)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._transport.get_pid()

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal, or None while it lives."""
        return self._transport.get_returncode()

    @property
    def last_words(self) -> str:
        """What tells most of the end of its stderr. For the log only."""
        return essence(self._tail.decode("utf-8", "replace").strip())

    @property
    def death(self) -> str:
        """How it ended by itself, as what follows "the worker"; empty while it lives."""
        return "" if self.status is None else describe_death(self.status, self.last_words)

    def send(self, message: protocol.ToWorker) -> None:
        """Queue a message. A worker that is gone is noticed by ``receive``."""
        if not self._stdin.is_closing():
            self._stdin.write(protocol.encode(message))

    async def receive(self) -> protocol.Message | None:
        """The next message, or None once the worker has closed its end, even inside a frame.

        Raises ``ProtocolError`` when what comes is no message.
        """
        # A process that it started may have the pipe's end as well, and keep it open for ever.
        frame = asyncio.create_task(self._frame(), name=f"worker-frame-{self.pid}")
        try:
            await asyncio.wait({frame, self._gone}, return_when=asyncio.FIRST_COMPLETED)
            return frame.result() if frame.done() else None
        finally:
            frame.cancel()

    async def _frame(self) -> protocol.Message | None:
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
        if self.status is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._transport.kill()
            else:
                os.killpg(self.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Wait until it has ended; returns the exit status. Nothing of it is left then."""
        await self._ended.wait()
        await asyncio.wait({self._drain, self._gone}, return_when=asyncio.FIRST_COMPLETED)
        self._drain.cancel()
        self._gone.cancel()
        self._transport.close()
        return self.status or 0

    async def _outlive(self) -> None:
        """Return when it has ended and what it sent before has had time to be read."""
        await self._ended.wait()
        await asyncio.sleep(_LAST_WORDS_SECONDS)

    async def _keep_tail(self, stderr: asyncio.StreamReader) -> None:
        """Read all of it, or the worker would stop at a full pipe, and keep the end."""
        while chunk := await stderr.read(_CHUNK):
            self._tail += chunk
            del self._tail[:-_TAIL]


def child_environment() -> dict[str, str]:
    """The parent's environment, less its secrets: the worker talks to nobody."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not any(word in name.upper() for word in _SECRET_WORDS)
    }
    # The child must find this very package, wherever the bot was started.
    kept["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return kept
