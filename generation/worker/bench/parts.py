"""The parts of the benchmark that run in a process each, as lists of measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from generation.bench.jobs import new_work, small_side
from generation.bench.plan import GROWTH, SPEED, Plan
from generation.worker.bench import speed
from generation.worker.bench.bare import Bare
from generation.worker.bench.encoding import encode_1024_cpu_ms
from generation.worker.bench.equality import JOBS_AT_ONCE, step_batch_max_difference
from generation.worker.bench.flops import tflop_per_step
from generation.worker.bench.growth import rss_growth_mib
from generation.worker.bench.lab import Lab, open_lab
from generation.worker.bench.reporter import MeasureError, Reporter


def measure_speed(plan: Plan, reporter: Reporter) -> None:
    """Everything that compares the engine with the bare pipeline."""
    reporter.tell(say="loading the model")
    with open_lab(plan) as lab, Bare(lab.model, plan.threads) as bare:
        reporter.tell(facts={"device": lab.device})
        small = small_side(lab.info)
        amounts = speed.QUICK if plan.is_quick else speed.THOROUGH
        _Speed(lab=lab, bare=bare, amounts=amounts, reporter=reporter).measure()
    # How many jobs are drawn together is decided at the size that is usual for the model.
    reporter.tell(say="loading the model for small pictures")
    with open_lab(_of_side(plan, small)) as lab, Bare(lab.model, plan.threads) as bare:
        reporter.measure(
            "four members' jobs at once",
            ("batch4_over_serial", "batch4_over_raw"),
            partial(speed.batching, lab, bare, amounts),
        )
    # Whatever pays here, these are drawn together.
    reporter.tell(say="loading the model for shared steps")
    with open_lab(replace(_of_side(plan, 2 * small), slots=JOBS_AT_ONCE)) as lab:
        reporter.measure(
            "seven jobs together and alone",
            ("step_batch_max_difference",),
            partial(step_batch_max_difference, lab),
        )


def _of_side(plan: Plan, side: int) -> Plan:
    return replace(plan, model=replace(plan.model, width=side, height=side))


def measure_growth(plan: Plan, reporter: Reporter) -> None:
    """The memory of a worker over many jobs, in a process that has done nothing else."""
    reporter.tell(say="loading the model")
    with open_lab(plan) as lab:
        reporter.measure(
            f"memory over {plan.jobs} jobs",
            ("rss_growth_mib",),
            lambda: rss_growth_mib(lab, plan.jobs),
        )


PARTS: Mapping[str, Callable[[Plan, Reporter], None]] = {
    SPEED: measure_speed,
    GROWTH: measure_growth,
}


@dataclass(kw_only=True, slots=True)
class _Speed:
    lab: Lab
    bare: Bare
    amounts: speed.Amounts
    reporter: Reporter
    found: dict[str, float] = field(default_factory=dict)

    def measure(self) -> None:
        lab, bare, amounts = self.lab, self.bare, self.amounts
        self._one("a step", "step_ms", lambda: speed.step_milliseconds(lab))
        work = new_work(lab.info, steps=2)
        self._one("its work", "tflop_per_step", lambda: tflop_per_step(lab.model, bare, work))
        self._one("", "tflops", self._tflops)
        self._one(
            "jobs against the bare pipeline",
            "worker_over_bare",
            lambda: speed.worker_over_bare(lab, bare, amounts),
        )
        self._all("cancelling", ("cancel_ms", "cancel_decodes"), self._cancelling)
        self._one(
            "the same prompt again",
            "text_encoder_calls_on_repeat",
            lambda: speed.text_encoder_calls_on_repeat(lab),
        )
        self._one("a file of 1024×1024", "encode_1024_cpu_ms", lambda: encode_1024_cpu_ms(lab.info))

    def _tflops(self) -> float:
        return self._known("tflop_per_step") / (self._known("step_ms") / 1000)

    def _cancelling(self) -> Mapping[str, float]:
        return speed.cancelling(self.lab, self._known("step_ms"), self.amounts)

    def _known(self, key: str) -> float:
        if key not in self.found:
            raise MeasureError(f"it needs {key}, which was not measured")
        return self.found[key]

    def _one(self, words: str, key: str, how: Callable[[], float]) -> None:
        self._all(words, (key,), how)

    def _all(
        self, words: str, keys: tuple[str, ...], how: Callable[[], float | Mapping[str, float]]
    ) -> None:
        self.found.update(self.reporter.measure(words, keys, how))
