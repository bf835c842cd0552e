"""`python -m tests.soak`: members, faults and crashes for minutes, then the books are checked."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import quantiles

import aiohttp
import psutil

from bot.sandbox import Cast, Fault, Sandbox, SeenMessage
from tests.bot_process import BotProcess
from tests.crash.books import audit, settled
from tests.soak.crowd import Crowd

MEMBERS, INTERACTIONS, RATE = 1_000, 5_000, 10.0
FAULT_EVERY, DROP_EVERY, LOOK_EVERY = 25, 1_000, 50
DRAIN_SECONDS = 1_800.0
CONFIG = """
[[backends]]
kind = "scripted"
slots = 4
step_seconds = 0.02
[queue]
bound = 100000
[limits]
max_queued = 100
max_per_day = 100000
"""


def main() -> int:
    """Run the soak and print its figures; 0 if everything promised was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--interactions", type=int, default=INTERACTIONS)
    parser.add_argument("--rate", type=float, default=RATE, help="interactions per second")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="easel-soak-") as folder:
        figures = asyncio.run(soak(options, Path(folder)))
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    return 0 if figures["acknowledged_p99_seconds"] < 1 else 1


async def soak(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Raises ``AssertionError`` for the first promise that was broken."""
    chance = random.Random(options.seed)
    names = tuple(f"member{number}" for number in range(options.members))
    # The cast's first three keep the names by which the bot's process is watched.
    cast = Cast(people=("alice", "bob", "carol", *names))
    async with Sandbox(cast=cast) as sandbox:
        bot = BotProcess(sandbox, folder, more=CONFIG)
        await bot.start()
        try:
            crowd = Crowd(sandbox, chance)
            began = time.monotonic()
            memory = await _make_traffic(crowd, sandbox, bot, chance, options)
            database = folder / "data" / "easel.db"
            async with asyncio.timeout(DRAIN_SECONDS):
                await settled(database)
            seconds = time.monotonic() - began
            sandbox.core.faults.clear()
            outcomes = await _audit(sandbox, crowd, database)
            errors = [line for line in bot.output.splitlines() if " ERROR " in line]
            sys.stderr.writelines(f"{line}\n" for line in errors)
        except BaseException:
            sys.stderr.write(bot.output[-20_000:])
            raise
        finally:
            await bot.terminate()
    waits = [at - crowd.sent[key] for key, at in crowd.acknowledged.items() if key in crowd.sent]
    return {
        "members": options.members,
        "interactions": len(crowd.sent),
        "seconds": round(seconds, 1),
        "acknowledged": len(waits),
        "acknowledged_p50_seconds": round(quantiles(waits, n=100)[49], 3),
        "acknowledged_p99_seconds": round(quantiles(waits, n=100)[98], 3),
        "jobs": sum(outcomes.values()),
        **{f"jobs_{state}": count for state, count in sorted(outcomes.items())},
        "errors_logged": len(errors),
        "rss_mib_after_a_fifth": round(memory[len(memory) // 5], 1),
        "rss_mib_at_the_end": round(memory[-1], 1),
    }


async def _make_traffic(
    crowd: Crowd,
    sandbox: Sandbox,
    bot: BotProcess,
    chance: random.Random,
    options: argparse.Namespace,
) -> Sequence[float]:
    """The bot's memory in MiB, looked at now and then."""
    memory, acts = [], itertools.count()
    # Some find that the button they meant is gone, which is no interaction.
    while len(crowd.sent) < options.interactions:
        number = next(acts)
        crowd.act()
        if number % FAULT_EVERY == 0:
            sandbox.fault(_trouble(chance))
        if number % DROP_EVERY == DROP_EVERY - 1:
            sandbox.core.gateway.drop()
            await bot.seen_online(is_online=True)
        if number % LOOK_EVERY == 0:
            memory.append(psutil.Process(bot.pid).memory_info().rss / 2**20)
        await asyncio.sleep(chance.expovariate(options.rate))
    return memory


def _trouble(chance: random.Random) -> Fault:
    """One request fails in one of the ways in which Discord fails; acknowledgements are spared."""
    route = r"/webhooks/"
    return chance.choice(
        [
            Fault(kind="status", method="PATCH", route=route, status=500),
            Fault(kind="status", method="PATCH", route=route, status=503),
            Fault(kind="lost_answer", method="PATCH", route=route),
            Fault(kind="cut", method="PATCH", route=route),
            Fault(kind="rate_limit", method="PATCH", route=route, retry_after=1.0),
            Fault(kind="api_error", method="PATCH", route=route, status=401, code=50027),
        ]
    )


async def _audit(sandbox: Sandbox, crowd: Crowd, database: Path) -> Counter[str]:
    messages = [
        SeenMessage(sandbox.core.messages.writer.write(message, viewer_id=""))
        for message in sandbox.core.messages.everything()
    ]
    async with aiohttp.ClientSession() as session:

        async def fetch(url: str) -> bytes:
            async with session.get(url) as response:
                response.raise_for_status()
                return await response.read()

        accepted = await audit(database, crowd.wishes, messages, fetch)
    return Counter(row.state for row in accepted)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
