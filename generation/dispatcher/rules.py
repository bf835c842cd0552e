"""The dispatcher's settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How patient the dispatcher is. All times in seconds.

    ``job_seconds``: how long a backend may hold a job. ``stop_seconds``: how long a backend may
    take to stop one before the job is ended without it. ``attempts``: how often a job is started
    at most. ``poll_seconds``: how often backends are asked how they are.
    ``delivery_seconds``: how long a result is offered to an audience that puts it off.
    """

    job_seconds: float = 600.0
    stop_seconds: float = 30.0
    attempts: int = 2
    poll_seconds: float = 5.0
    delivery_seconds: float = 6 * 3600.0
