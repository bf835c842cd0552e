"""A whole bot as an operator runs it: a process of `easel run`, online in a sandbox."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import suppress
from pathlib import Path

import psutil

from bot.sandbox import Sandbox

PATIENCE = 120.0
"""Seconds after which a test that waits for a process gives up."""


class BotProcess:
    """`easel run` with a file that names little but the token and the sandbox's two addresses."""

    def __init__(self, sandbox: Sandbox, folder: Path, *, more: str) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.config.write_text(
            f'[discord]\ntoken = "{sandbox.token}"\n'
            f'api_url = "{sandbox.api_url}"\ngateway_url = "{sandbox.gateway_url}"\n{more}'
        )
        self.output = ""
        self._witness = sandbox.member("carol")
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and wait until members see it online with its commands."""
        await self.launch()
        await self.seen_online(is_online=True)
        await self._witness.wait_for_bot()

    async def launch(self) -> None:
        """Start it."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("EASEL_")}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run", "--config", str(self.config)),
            stdout=PIPE,
            stderr=STDOUT,
            env=environment,
        )
        self._reader = asyncio.create_task(self._read(self._process), name="bot-output")

    async def seen_online(self, *, is_online: bool) -> None:
        """Wait until members see the bot so."""
        await self._witness.connect()
        await self._witness.until(
            lambda: self._witness.state["bot"]["online"] is is_online,  # type: ignore[call-overload, index] # JSON
            patience=PATIENCE,
        )

    @property
    def pid(self) -> int:
        """Its process id. Raises ``RuntimeError`` while it has none."""
        if self._process is None:
            raise RuntimeError("the bot is not running")
        return self._process.pid

    async def kill(self) -> None:
        """End it as the kernel would, with no chance to tidy up."""
        await self._end(signal.SIGKILL)
        await self.seen_online(is_online=False)

    async def terminate(self) -> int:
        """Ask it to stop, as a supervisor does, and return its exit code."""
        return await self._end(signal.SIGTERM)

    def kill_worker(self) -> None:
        """End the process that draws, as a driver's crash does."""
        assert self._process is not None
        for child in psutil.Process(self._process.pid).children(recursive=True):
            if "generation.worker" in child.cmdline():
                child.kill()
                return
        raise LookupError("the bot has no worker")

    async def exit_code(self) -> int:
        """Wait until it ends by itself."""
        assert self._process is not None
        async with asyncio.timeout(PATIENCE):
            return await self._process.wait()

    async def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        with suppress(ProcessLookupError):
            self._process.send_signal(how)
        code = await self.exit_code()
        if self._reader is not None:
            await self._reader
        return code

    async def close(self) -> None:
        """Leave nothing running; the log is shown with a test that failed."""
        await self._end(signal.SIGKILL)
        sys.stdout.write(self.output)

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.output += line.decode(errors="replace")
