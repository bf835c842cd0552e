"""One error, one sentence: the table that every command, button, modal and message goes by."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import discord
from discord import app_commands

from bot import replies
from bot.verdicts import NETWORK_ERRORS, SEND_ERRORS, Verdict, judge
from generation.errors import BackendError, GenerationError

_LOG = logging.getLogger(__name__)

_PROMPT = "prompt"  # key in Interaction.extras

_DISCORDS = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError)
_NOT_TAKEN = "Discord did not take the answer just now. Please try again."

_TOO_LATE = frozenset({10062, 40060})  # unknown interaction, already acknowledged

# The more special class first: the first match speaks.
_SENTENCES: tuple[tuple[type[Exception], str], ...] = (
    (
        app_commands.CommandSignatureMismatch,
        "This command has changed. Please reload Discord (Ctrl+R) and try again.",
    ),
    (
        app_commands.CommandNotFound,
        "This command is no longer there. Please reload Discord (Ctrl+R) and try again.",
    ),
    (app_commands.TransformerError, "One of the options has a value that cannot be used."),
    (app_commands.NoPrivateMessage, "This works in servers only."),
    (app_commands.CheckFailure, "You are not allowed to do this here."),
)


class NotAcknowledgedError(Exception):
    """Our answer came too late, or was given before by a copy of this event."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a member is told. ``report_id`` links an unexpected error to its log entry."""

    sentence: str
    report_id: str | None = None


def explain(error: Exception) -> Told:
    """The sentence for an error; the same error always has the same one."""
    error = _cause(error)
    if isinstance(error, GenerationError):
        return Told(sentence=error.sentence)
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            return Told(sentence=sentence)
    if _is_discords(error):
        return Told(sentence=_NOT_TAKEN)
    report_id = secrets.token_hex(3)
    return Told(
        sentence=f"Something went wrong on our side (id {report_id}). Please try again; "
        "if it happens again, give this id to whoever runs this bot.",
        report_id=report_id,
    )


def record(error: Exception, told: Told, *, where: str) -> None:
    """Write the error to the log: members' own mistakes quietly, ours loudly."""
    error = _cause(error)
    if told.report_id is not None:
        _LOG.error("unexpected_error id=%s where=%s", told.report_id, where, exc_info=error)
    elif _is_discords(error):
        status, code = (getattr(error, name, None) for name in ("status", "code"))
        _LOG.warning("not_answered where=%s status=%s code=%s", where, status, code)
    elif isinstance(error, BackendError):
        _LOG.warning("failed where=%s code=%s detail=%s", where, error.code, error.detail)
    else:
        code = error.code if isinstance(error, GenerationError) else type(error).__name__
        _LOG.info("refused where=%s code=%s", where, code)


def remember_prompt(interaction: discord.Interaction, prompt: str) -> None:
    """Keep what was typed, so that a refusal can hand it back."""
    interaction.extras[_PROMPT] = prompt


@contextlib.asynccontextmanager
async def told(tell: Callable[[Exception], Awaitable[None]]) -> AsyncIterator[None]:
    """The border around what discord.py would only log: every failure inside is told."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the border
        await tell(error)


async def acknowledge(interaction: discord.Interaction, *, private: bool) -> int | None:
    """Show "thinking" as a new answer; returns its message id where Discord tells it.

    Raises ``discord.HTTPException`` or ``NotAcknowledgedError`` if that failed: then nobody
    waits, and nothing must be started.
    """
    try:
        answer = await interaction.response.defer(thinking=True, ephemeral=private)
    except discord.InteractionResponded as error:
        raise NotAcknowledgedError from error
    return None if answer is None else answer.message_id


async def answer(interaction: discord.Interaction, error: Exception) -> None:
    """Tell the member what went wrong: alone if nothing was shown yet, else in place of it.

    The one handler behind commands, buttons and modals; it raises nothing.
    """
    if isinstance(_cause(error), NotAcknowledgedError):
        _LOG.info("interaction_not_acknowledged interaction=%s", interaction.id)
        return
    explained = explain(error)
    record(error, explained, where=_place(interaction))
    prompt = interaction.extras.get(_PROMPT)
    card = replies.refusal(explained.sentence, prompt if isinstance(prompt, str) else None)
    try:
        await show(interaction, card)
    except SEND_ERRORS as failure:
        _LOG.info(
            "refusal_not_shown interaction=%s kind=%s", interaction.id, type(failure).__name__
        )


async def show(interaction: discord.Interaction, card: replies.Card) -> None:
    """Answer with a card: as the first answer to the member alone, later in the answer's place.

    Where the press of a button was acknowledged without a new answer, the card is a message of
    its own to the member alone. Raises one of ``SEND_ERRORS``.
    """
    kind = interaction.response.type
    if kind is None:
        await interaction.response.send_message(view=card.view(), ephemeral=True)
    elif kind is discord.InteractionResponseType.deferred_message_update:
        await interaction.followup.send(view=card.view(), ephemeral=True)
    else:
        try:
            await interaction.edit_original_response(view=card.view(), attachments=[])
        except NETWORK_ERRORS:
            # Cut off, perhaps after it was done: to edit again does no harm.
            await interaction.edit_original_response(view=card.view(), attachments=[])


def _is_discords(error: Exception) -> bool:
    """Whether Discord or the way there failed, and not what we sent."""
    return isinstance(error, _DISCORDS) and judge(error) is not Verdict.PLAINER


def _cause(error: Exception) -> Exception:
    """The error inside discord.py's wrapping; an answer that came too late is always the same."""
    if isinstance(error, app_commands.CommandInvokeError):
        error = error.original
    if isinstance(error, discord.HTTPException) and error.code in _TOO_LATE:
        return NotAcknowledgedError()
    return error


def _place(interaction: discord.Interaction) -> str:
    if interaction.command is not None:
        return f"command:{interaction.command.qualified_name.replace(' ', '_')}"
    return f"interaction:{interaction.type.name}"
