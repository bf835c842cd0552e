"""The graphics cards of this machine, found without loading torch into this process."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from generation.backends.process import child_environment
from generation.worker.visible import may_have_cards

PROBE_COMMAND: tuple[str, ...] = (sys.executable, "-m", "generation.worker.devices")

_LOG = logging.getLogger(__name__)
_PROBE_SECONDS = 120.0  # torch from a cold, slow disk
_LEAST_SHARE = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A card by torch's name for it (``cuda:1``) and its maker's; ``memory`` is bytes.

    ``problem`` is why it should not be used, None where it should.
    """

    device: str
    name: str
    memory: int
    problem: str | None = None


async def find_cards(
    command: Sequence[str] | None = None, seconds: float = _PROBE_SECONDS
) -> tuple[Card, ...]:
    """The cards, if there are several; fewer are not worth asking for, which takes seconds.

    Cards with much less memory than the largest have that as their problem: a display's card
    beside a computing one would only slow its members down. Empty as well when the probe fails,
    which is logged: a worker that chooses by itself then says the same in its own words.
    """
    if command is None:
        if not await asyncio.to_thread(may_have_cards, 2):
            return ()
        command = PROBE_COMMAND
    try:
        cards = _parse(await _output(command, seconds))
    except (OSError, TimeoutError, ValueError) as error:
        _LOG.warning("cards_not_found reason=%s", str(error) or type(error).__name__)
        return ()
    largest = max((card.memory for card in cards if card.problem is None), default=0)
    return tuple(_judged(card, largest) for card in cards)


async def _output(command: Sequence[str], seconds: float) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=child_environment(),
    )
    try:
        async with asyncio.timeout(seconds):
            output, words = await process.communicate()
    except TimeoutError as error:
        raise TimeoutError(f"no answer for {seconds:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = words.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise OSError(f"the probe ended with status {process.returncode}: {last}")
    return output


def _parse(output: bytes) -> list[Card]:
    """The probe's last line. Raises ``ValueError``."""
    lines = output.splitlines()
    found = json.loads(lines[-1] if lines else b"")
    if not isinstance(found, list):
        raise ValueError("the probe answered something else")  # noqa: TRY004  # bad data
    try:
        return [
            Card(
                device=str(card["device"]),
                name=str(card["name"]),
                memory=int(card["memory"]),
                problem=None if card["problem"] is None else str(card["problem"]),
            )
            for card in found
        ]
    except (KeyError, TypeError) as error:
        raise ValueError("the probe answered something else") from error


def _judged(card: Card, largest: int) -> Card:
    if card.problem is not None or card.memory >= _LEAST_SHARE * largest:
        return card
    problem = f"it has much less memory ({_gigabytes(card.memory)}) than {_gigabytes(largest)}"
    return Card(device=card.device, name=card.name, memory=card.memory, problem=problem)


def _gigabytes(count: int) -> str:
    return f"{count / 1024**3:.1f} GB"
