"""All that is done to make one loaded model faster, from its load to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from generation.worker.speed.attempts import MOST_UNFINISHED, Attempts
from generation.worker.speed.compiling import Compiler, Tell
from generation.worker.speed.plan import Place, Plan
from generation.worker.speed.quantising import quantise
from generation.worker.speed.regions import Regions
from generation.worker.speed.techniques import lay_out, remember_steps

BACKEND = "inductor"


class Accelerator:
    """Carries out a plan for a pipeline whose parts nobody uses yet.

    ``folder`` keeps what must outlast the process, under the name ``build``. ``tell`` gets a
    sentence for the operator, from any thread. Raises what the device raises without room.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        base: Any,
        denoiser: Any,
        place: Place,
        threads: int | None,
        folder: Path | None,
        build: str,
        tell: Tell,
    ) -> None:
        self._tell = tell
        self._regions: Regions | None = None
        self._compiler: Compiler | None = None
        problems = lay_out(base, denoiser, plan, place)
        if plan.compiles:
            attempts = Attempts(folder / f"{build}.attempts" if folder is not None else None)
            problems += self._be_ready_to_compile(plan, denoiser, place, threads, attempts)
        # After the blocks have become regions: what it skips is decided outside of them.
        problems += remember_steps(denoiser, plan)
        for problem in problems:
            tell(problem)

    def choose(self, *, plain: bool) -> None:
        """Before a call of the denoiser: whether it must run as it was loaded."""
        if self._regions is not None:
            # Quantised weights are only fast as a program, and what they were is gone.
            self._regions.is_plain = plain and self._regions.change is None

    def after_job(self) -> None:
        """When a job has its pictures: compile what it has met, in the background."""
        if self._compiler is not None:
            self._compiler.look()

    @property
    def is_compiling(self) -> bool:
        """Whether that goes on now."""
        return self._compiler is not None and self._compiler.is_at_work

    def close(self, *, wait: bool) -> None:
        """Let go of the model; with ``wait``, when this returns. A block may take a minute."""
        if self._compiler is not None:
            self._compiler.abandon(wait=wait)

    def _be_ready_to_compile(
        self, plan: Plan, denoiser: Any, place: Place, threads: int | None, attempts: Attempts
    ) -> tuple[str, ...]:
        if attempts.are_used_up:
            problem = (
                f"it is not compiled: the worker has died of that {MOST_UNFINISHED} times; "
                f"to try again, delete {attempts.file}"
            )
            return (problem,)
        regions = Regions(denoiser, backend=BACKEND, on_failure=self._failed)
        if not regions.regions:
            return (f"it is not compiled: a {type(denoiser).__name__} has no blocks that repeat",)
        self._regions = regions
        self._compiler = Compiler(
            regions,
            device=place.device,
            threads=threads,
            attempts=attempts,
            tell=self._tell,
            change=None if plan.quantise is None else quantise(plan.quantise),
        )
        return ()

    def _failed(self, error: BaseException) -> None:
        cause = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"
        self._tell(f"a compiled block failed, so it runs as it is from now on: {cause}")
