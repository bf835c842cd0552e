"""What each of Discord's refusals means for a message that is to be shown: one table."""

from __future__ import annotations

import asyncio
from enum import Enum, auto

import aiohttp
import discord


class Verdict(Enum):
    """What to do when a message was refused."""

    ELSEWHERE = auto()
    """This way is closed for good: take the next one."""

    WITHOUT_REFERENCE = auto()
    """The message replied to is gone: send without replying."""

    SMALLER = auto()
    """Too large: make the pictures smaller."""

    PLAINER = auto()
    """Our message is malformed: show less, and log it as our mistake."""

    UNWANTED = auto()
    """A content filter stopped it: say that instead, once."""

    LATER = auto()
    """Discord cannot do it now: keep everything and come back."""


CODES: dict[int, Verdict] = {
    10003: Verdict.ELSEWHERE,  # unknown channel
    10004: Verdict.ELSEWHERE,  # unknown guild
    10008: Verdict.ELSEWHERE,  # unknown message: what would be edited has been deleted
    10015: Verdict.ELSEWHERE,  # unknown webhook: the interaction's token is dead
    10062: Verdict.ELSEWHERE,  # unknown interaction
    20009: Verdict.UNWANTED,  # explicit content cannot be sent to the recipient
    20016: Verdict.LATER,  # slow mode
    20028: Verdict.LATER,  # channel write limit
    20029: Verdict.LATER,  # guild write limit
    30046: Verdict.ELSEWHERE,  # too many edits of an old message
    40005: Verdict.SMALLER,  # request too large
    40058: Verdict.ELSEWHERE,  # forum channels take threads only
    40060: Verdict.ELSEWHERE,  # already acknowledged
    40067: Verdict.ELSEWHERE,  # a tag is required
    40094: Verdict.ELSEWHERE,  # follow-ups used up
    50001: Verdict.ELSEWHERE,  # missing access
    50007: Verdict.ELSEWHERE,  # the member takes no private messages
    50013: Verdict.ELSEWHERE,  # missing permissions
    50027: Verdict.ELSEWHERE,  # the interaction's token is dead
    50035: Verdict.PLAINER,  # invalid form body
    50045: Verdict.SMALLER,  # file larger than allowed
    50046: Verdict.SMALLER,  # invalid asset
    50083: Verdict.ELSEWHERE,  # the thread is archived
    50278: Verdict.ELSEWHERE,  # no private messages without a mutual server
    90001: Verdict.ELSEWHERE,  # the member has blocked the bot
    130000: Verdict.LATER,  # overloaded
    160002: Verdict.ELSEWHERE,  # cannot reply without reading the history
    160005: Verdict.ELSEWHERE,  # the thread is locked
    200000: Verdict.UNWANTED,  # stopped by AutoMod
    240000: Verdict.UNWANTED,  # a harmful link
}

_STATUSES: dict[int, Verdict] = {
    401: Verdict.ELSEWHERE,
    403: Verdict.ELSEWHERE,
    404: Verdict.ELSEWHERE,
    413: Verdict.SMALLER,
    429: Verdict.LATER,
}

NETWORK_ERRORS = (OSError, aiohttp.ClientError, asyncio.TimeoutError)
"""What a cut or unreachable connection raises. The request may have been carried out."""

SEND_ERRORS = (discord.HTTPException, discord.RateLimited, *NETWORK_ERRORS)
"""Everything that sending or editing a message raises."""


def judge(error: Exception) -> Verdict:
    """The verdict on an error of ``SEND_ERRORS``."""
    if not isinstance(error, discord.HTTPException):
        return Verdict.LATER
    if error.code == 50035 and "message_reference" in error.text:
        return Verdict.WITHOUT_REFERENCE
    if error.code in CODES:
        return CODES[error.code]
    if error.status in _STATUSES:
        return _STATUSES[error.status]
    return Verdict.LATER if error.status >= 500 else Verdict.PLAINER
