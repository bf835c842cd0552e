"""Ratios and times of the engine against the bare pipeline, in one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from generation.backends.base import Work
from generation.bench.jobs import new_work, small_side
from generation.bench.timeline import DECODER, TEXT_ENCODER
from generation.worker.bench.bare import Bare
from generation.worker.bench.lab import Lab, alternate
from generation.worker.bench.reporter import MeasureError
from generation.worker.bench.watch import Sight, watching

_MEMBERS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Amounts:
    """How often things are repeated at most, and for how many seconds."""

    rounds: int
    seconds: float
    cancels: int


THOROUGH = Amounts(rounds=25, seconds=60.0, cancels=15)
QUICK = Amounts(rounds=5, seconds=6.0, cancels=5)


def step_milliseconds(lab: Lab) -> float:
    """The median step of a job that has the worker for itself."""
    (run,) = lab.draw([new_work(lab.info)])
    times = [later - earlier for earlier, later in pairwise(run.steps)]
    if not times:
        raise MeasureError("a job of one step has no time between steps")
    return median(times) * 1000


def worker_over_bare(lab: Lab, bare: Bare, amounts: Amounts) -> float:
    """A job from its submission to its finished file, over the pipeline up to the pixels."""
    results = alternate(
        [
            lambda: bare.seconds([new_work(lab.info)]),
            lambda: lab.draw([new_work(lab.info)])[0].seconds,
        ],
        rounds=amounts.rounds,
        seconds=amounts.seconds,
    )
    return median(worker / alone for alone, worker in results)


def batching(lab: Lab, bare: Bare, amounts: Amounts) -> dict[str, float]:
    """Four members' jobs at once, against one by one, and against the pipeline's own batch."""

    def works() -> list[Work]:
        return [new_work(lab.info) for _ in range(_MEMBERS)]

    def together() -> float:
        return _span(lambda: lab.draw(works()))

    def one_by_one() -> float:
        return _span(lambda: [lab.draw([work]) for work in works()])

    def raw() -> float:
        return bare.seconds(works())

    together()  # the first time, the worker finds out what joining is worth
    results = alternate([together, one_by_one, raw], rounds=amounts.rounds, seconds=amounts.seconds)
    return {
        "batch4_over_serial": median(serial / joined for joined, serial, _ in results),
        "batch4_over_raw": median(whole / joined for joined, _, whole in results),
    }


def cancelling(lab: Lab, step_ms: float, amounts: Amounts) -> dict[str, float]:
    """The longest time from a cancel until job and model are still, and decodes after all."""
    seen: list[Sight] = []
    waits = []
    with watching(seen.append):
        for index in range(amounts.cancels):
            run = lab.submit(new_work(lab.info, steps=lab.info.max_steps))
            run.await_step(2)
            # At another moment of the step each time.
            time.sleep(step_ms / 1000 * index / amounts.cancels)
            began = time.monotonic()
            lab.cancel(run)
            run.await_end()
            busy = max((sight.call.ended for sight in seen), default=began)
            waits.append(max(run.ended, busy) - began)
    decodes = sum(sight.call.part == DECODER for sight in seen)
    return {"cancel_ms": max(waits) * 1000, "cancel_decodes": decodes}


def text_encoder_calls_on_repeat(lab: Lab) -> int:
    """Calls of text encoders for a prompt that another job had just before."""
    side = small_side(lab.info)
    prompt = new_work(lab.info).params.prompt
    counts = []
    for _ in range(2):
        seen: list[Sight] = []
        with watching(seen.append):
            lab.draw([new_work(lab.info, prompt=prompt, width=side, height=side, steps=2)])
        counts.append(sum(sight.call.part == TEXT_ENCODER for sight in seen))
    first, again = counts
    if first == 0:
        raise MeasureError("not even the first job called a text encoder")
    return again


def _span(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began
