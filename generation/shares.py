"""How much of the queue members get, by the groups that they belong to."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from generation.errors import InvalidParams

LOWEST = 0.1
HIGHEST = 10.0
USUAL = 1.0


def share_of(groups: Collection[str], shares: Mapping[str, float]) -> float:
    """How many shares a member of these groups has: the largest of theirs, else the usual one."""
    return max((share for group, share in shares.items() if group in groups), default=USUAL)


def check_share(share: float) -> None:
    """Raises ``InvalidParams`` for a share that nobody may have."""
    if not LOWEST <= share <= HIGHEST:
        raise InvalidParams("share", f"A share is from {LOWEST:g} to {HIGHEST:g}, not {share:g}.")
