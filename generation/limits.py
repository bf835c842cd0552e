"""The limits of a server: how large, how many and how often, and the check of one request."""

from __future__ import annotations

from dataclasses import dataclass

from generation.errors import InvalidParams, OverLimit
from generation.types import Params

WHO_CAN_CHANGE = (
    "In a server, its admins can change it with /limits set; elsewhere, whoever runs this bot."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one scope allows. Sides in pixels; a day is the UTC day."""

    max_side: int = 1024
    max_steps: int = 60
    max_count: int = 4
    max_queued: int = 5
    max_per_day: int = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitInfo:
    """A limit's words and the range an admin may set it to."""

    field: str
    title: str
    lowest: int
    highest: int


LIMITS: tuple[LimitInfo, ...] = (
    LimitInfo(field="max_side", title="largest side in pixels", lowest=64, highest=4096),
    LimitInfo(field="max_steps", title="most steps", lowest=1, highest=150),
    LimitInfo(field="max_count", title="most pictures per request", lowest=1, highest=10),
    LimitInfo(field="max_queued", title="jobs in the queue per member", lowest=1, highest=100),
    LimitInfo(field="max_per_day", title="pictures per day per member", lowest=1, highest=100_000),
)


def check_request(params: Params, limits: Limits) -> None:
    """Check what one request alone can break. Raises ``OverLimit`` naming the limit."""
    width, height = max((params.width, params.height), params.final_size, key=max)
    if max(width, height) > limits.max_side:
        size = f"{width}×{height}"
        raise over_limit("max_side", limits.max_side, f"{size} is larger than")
    if params.steps > limits.max_steps:
        raise over_limit("max_steps", limits.max_steps, f"{params.steps} steps are more than")
    if params.count > limits.max_count:
        raise over_limit("max_count", limits.max_count, f"{params.count} pictures are more than")


def check_member(params: Params, limits: Limits, *, queued: int, made_today: int) -> None:
    """Check what a member has already asked for. Raises ``OverLimit`` naming the limit.

    ``queued`` counts the member's queued and running jobs in the scope, ``made_today`` the
    pictures asked for since midnight UTC that were made or are still to be made.
    """
    if queued >= limits.max_queued:
        raise over_limit(
            "max_queued",
            limits.max_queued,
            f"You already have {queued} waiting, and one more would pass",
        )
    if made_today + params.count > limits.max_per_day:
        raise over_limit(
            "max_per_day",
            limits.max_per_day,
            f"You have asked for {made_today} today, and {params.count} more would pass",
        )


def check_limit(field: str, value: int) -> None:
    """Check that there is such a limit and the value is in its range. Raises ``InvalidParams``."""
    info = next((info for info in LIMITS if info.field == field), None)
    if info is None:
        raise InvalidParams(field, "There is no such limit. Please choose one from the list.")
    if not info.lowest <= value <= info.highest:
        raise InvalidParams(
            field, f"The limit for {info.title} must be between {info.lowest} and {info.highest}."
        )


def over_limit(field: str, value: int, fact: str) -> OverLimit:
    """The refusal for one limit. ``fact`` ends where "the limit here" goes on."""
    info = next(info for info in LIMITS if info.field == field)
    sentence = f"{fact} the limit here of {value} ({info.title}). {WHO_CAN_CHANGE}"
    return OverLimit(field, value, sentence)
