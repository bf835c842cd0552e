"""How a job that failed is told to the parent."""

from __future__ import annotations

from generation.errors import GenerationError
from generation.types import JobId
from generation.worker import protocol

DETAIL_LENGTH = 500


def fell(job_id: JobId, error: GenerationError) -> protocol.Fell:
    """The message that the job failed."""
    return protocol.Fell(
        job_id=job_id,
        code=error.code,
        sentence=error.sentence,
        detail=(error.detail or "")[:DETAIL_LENGTH],
    )
