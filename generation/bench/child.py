"""The parent's end of the process that measures with torch: one JSON line for each thing found."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable

from generation.backends.deaths import describe_death, essence
from generation.backends.process import child_environment
from generation.bench.findings import Findings
from generation.bench.plan import Plan
from generation.worker.plain import to_plain

COMMAND: tuple[str, ...] = (sys.executable, "-m", "generation.worker.bench")
_LINE_LIMIT = 1024 * 1024


class ChildError(Exception):
    """The process could not measure anything more. The text says why."""


async def run_child(
    part: str,
    plan: Plan,
    findings: Findings,
    say: Callable[[str], None],
    *,
    command: tuple[str, ...] = COMMAND,
) -> None:
    """Let a fresh process measure a part of the plan. Raises ``ChildError``.

    What it found before it ended is in ``findings`` in any case.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=child_environment(),
        start_new_session=True,  # a Ctrl-C in the terminal is the parent's to handle
        limit=_LINE_LIMIT,
    )
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise ValueError("the process must have all three pipes")
    order = json.dumps({"part": part, "plan": to_plain(plan, [])})
    async with asyncio.TaskGroup() as group:
        words = group.create_task(process.stderr.read(), name="bench-child-stderr")
        try:
            with contextlib.suppress(ConnectionError):
                process.stdin.write(order.encode() + b"\n")
                await process.stdin.drain()
            trouble = await _listen(process.stdout, findings, say)
            status = await process.wait() if trouble is None else None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if status:
        last = words.result().decode("utf-8", "replace").strip()
        trouble = describe_death(status, essence(last))
        raise ChildError(f"the measuring process {trouble}")
    if trouble is not None:
        raise ChildError(trouble)


async def _listen(
    lines: asyncio.StreamReader, findings: Findings, say: Callable[[str], None]
) -> str | None:
    """Take what is found until the process has no more to say, or says why it cannot go on."""
    async for line in lines:
        try:
            message = json.loads(line)
        except ValueError:
            return f"the measuring process said {line[:80]!r}"
        if "say" in message:
            say(message["say"])
        findings.add(message.get("found", {}))
        findings.facts.update(message.get("facts", {}))
        for key, reason in message.get("skipped", {}).items():
            findings.skip(reason, key)
        if "broken" in message:
            return str(message["broken"])
    return None
