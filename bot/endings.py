"""How a run of the program ends: an exit code and one sentence for its operator."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import aiohttp
import discord

from bot.config import ConfigError
from bot.lock import AlreadyRunning
from generation.errors import GenerationError, StorageError

TOKEN_PAGE = "https://discord.com/developers/applications"  # noqa: S105 (an address)

# https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
_FATAL_CLOSES = {
    4004: f"Discord does not accept this token. Make a new one at {TOKEN_PAGE} under Bot.",
    4010: "Discord refused the connection: the shard number is not valid.",
    4011: "Discord refused the connection: the bot is in too many servers for one process.",
    4012: "Discord refused the connection: it no longer speaks this version of its protocol. "
    "Update Easel.",
    4013: "Discord refused the connection: an intent is not valid. Update Easel.",
    4014: f"Discord refused an intent that this bot asks for. Switch it on at {TOKEN_PAGE} "
    "under Bot, Privileged Gateway Intents.",
}


class ExitCode(IntEnum):
    """What the process tells its supervisor."""

    OK = 0
    CRASH = 1
    CONFIGURATION = 2
    REFUSED_BY_DISCORD = 3  # starting again does not help; Discord resets tokens that try on


class OperatorError(Exception):
    """What was asked for cannot be done. The text says why and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """An exit code, and the sentence that explains it. ``expected`` ones need no traceback."""

    code: ExitCode
    sentence: str
    expected: bool = True


def ending_of(error: BaseException) -> Ending:
    """What an exception that ended the program means to its operator."""
    error = _first(error)
    if isinstance(error, ConfigError | AlreadyRunning | OperatorError):
        return Ending(code=ExitCode.CONFIGURATION, sentence=str(error))
    close = _close_code(error)
    if close in _FATAL_CLOSES:
        return Ending(code=ExitCode.REFUSED_BY_DISCORD, sentence=_FATAL_CLOSES[close])
    sentence = _mishap(error)
    if sentence is not None:
        return Ending(code=ExitCode.CRASH, sentence=sentence)
    sentence = f"Easel has crashed: {type(error).__name__}: {error}"
    return Ending(code=ExitCode.CRASH, sentence=sentence, expected=False)


def _close_code(error: BaseException) -> int | None:
    """The code with which Discord's gateway says the same thing."""
    if isinstance(error, discord.LoginFailure):
        return 4004
    if isinstance(error, discord.PrivilegedIntentsRequired):
        return 4014
    return error.code if isinstance(error, discord.ConnectionClosed) else None


def _mishap(error: BaseException) -> str | None:
    """What has gone wrong around us; None where the mistake must be our own."""
    if isinstance(error, discord.HTTPException):
        return http_sentence(error)
    if isinstance(error, aiohttp.ClientError | TimeoutError | discord.GatewayNotFound):
        return f"Discord cannot be reached: {error or type(error).__name__}"
    if isinstance(error, StorageError):
        return f"The data cannot be used: {error.detail or error.sentence}"
    return str(error) if isinstance(error, GenerationError | OSError) else None


def http_sentence(error: discord.HTTPException) -> str:
    """What an answer other than success from Discord's REST interface means."""
    if error.status == 404:
        return "There is no Discord at api_url: it answers 404. Does it end in /api/v10?"
    return f"Discord answers with status {error.status}: {error.text or 'no reason given'}"


def _first(error: BaseException) -> BaseException:
    """The exception inside groups that explains most: the first that is known, or the first."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    inner = [_first(each) for each in error.exceptions]
    return next((each for each in inner if ending_of(each).expected), inner[0])
