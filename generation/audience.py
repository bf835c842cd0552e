"""Who is told about jobs: the one seam through which the dispatcher speaks to the outside."""

from __future__ import annotations

from typing import Protocol

from generation.types import Job, Progress


class Audience(Protocol):
    """Shows jobs to their owners. The bot is one; tests have another."""

    def started(self, job: Job) -> None:
        """The job has begun (again, after a crash). Returns at once; may be lost."""
        ...

    def progressed(self, job: Job, progress: Progress) -> None:
        """The job has advanced. Returns at once; may be lost, the latest wins."""
        ...

    async def deliver(self, job: Job) -> str:
        """Show the ending of a job in ``delivering``; ``job.outcome`` says which ending.

        Returns the delivery address to store from now on (it may have gained a message id).
        Called again after a crash in between, so it must recognise what it has already shown.
        Raises ``DeliveryError``: with ``retry_after`` the dispatcher calls again later, without
        one the result is kept and the job ends undelivered.
        """
        ...
