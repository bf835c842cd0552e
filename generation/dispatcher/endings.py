"""From what an attempt came to, to what its owner is told."""

from __future__ import annotations

from generation.dispatcher.attempt import Ending, Reason, Stopped
from generation.errors import (
    BackendError,
    Busy,
    GenerationError,
    Refused,
    TimedOut,
    WorkerLost,
)
from generation.store import CANCELLED, Ended
from generation.types import Fault, Job, JobState, Result, StoredOutput

CRASHED_TWICE = (
    "This request crashed the generator twice, so it was given up."
    " Another size or fewer pictures may help."
)

EXPIRED = Fault(
    code="expired",
    sentence="This waited too long for its turn and was given up. Please try again later.",
)
INTERRUPTED = Fault(
    code="interrupted",
    sentence="The bot was restarted while this was being made. Please try again.",
)
INTERNAL = Fault(code="internal", sentence=GenerationError.default_sentence)
NO_BACKEND = Fault(
    code="unavailable",
    sentence="The model of this request is not offered any more. Please choose another.",
)
NOT_POSSIBLE = Fault(
    code="unavailable",
    sentence="No generator here can do all of this request any more. Please change its settings.",
)


def fault_of(error: GenerationError) -> Fault:
    """The error as it is stored."""
    return Fault(code=error.code, sentence=error.sentence)


def retry(job: Job, ending: Ending, *, attempts: int) -> Fault | None:
    """Why the job is to be tried again; None if this is its ending.

    A worker's death is never held against a job that ran beside others: whatever was tried
    before, it is tried once more, alone.
    """
    if isinstance(ending, Busy):
        return fault_of(ending)  # nothing was tried, and the job's own deadline ends the waiting
    if isinstance(ending, WorkerLost):
        return None if _was_lost_before(job) else fault_of(ending)
    if isinstance(ending, BackendError) and ending.retryable and job.attempts < attempts:
        return fault_of(ending)
    return None


def failed(job: Job, ending: Stopped | GenerationError, *, at: float) -> Ended:
    """The ending of an attempt that made no pictures and is not repeated."""
    if isinstance(ending, Stopped):
        if ending.reason is Reason.CANCEL:
            return Ended(outcome=JobState.CANCELLED, at=at, fault=CANCELLED)
        return Ended(outcome=JobState.FAILED, at=at, fault=fault_of(TimedOut()))
    if isinstance(ending, Refused):
        return Ended(outcome=JobState.REFUSED, at=at, fault=fault_of(ending))
    fault = fault_of(ending)
    if isinstance(ending, WorkerLost) and _was_lost_before(job):
        fault = Fault(code=fault.code, sentence=CRASHED_TWICE)
    return Ended(outcome=JobState.FAILED, at=at, fault=fault)


def done(result: Result, outputs: tuple[StoredOutput, ...], *, at: float) -> Ended:
    """The ending of an attempt whose pictures are stored."""
    return Ended(
        outcome=JobState.DONE,
        at=at,
        outputs=outputs,
        seconds=result.seconds,
        notes=result.notes,
    )


def _was_lost_before(job: Job) -> bool:
    return job.fault is not None and job.fault.code == WorkerLost.code
