"""From a member's wish to an accepted job: checked, acknowledged, its picture made safe, queued."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import discord

from bot import errors, permissions
from bot.address import DEFAULT_FILE_LIMIT, Address
from bot.material import Material
from bot.orders import Errand, Order, to_enlarge
from bot.progress import Board
from bot.uploads import Fetcher, Pointer
from generation.access import Groups
from generation.catalog import Catalog
from generation.clock import Clock
from generation.enlarging import STRENGTH
from generation.errors import BadImage, GenerationError, InvalidParams
from generation.images import Encoded
from generation.infotext import find_text, has_workflow
from generation.line import Ticket
from generation.prompt import Draft
from generation.queue import Queue
from generation.reuse import NO_SETTINGS, WORKFLOW_ONLY, Taken, take_over
from generation.shares import share_of
from generation.types import OwnerId, Request, ScopeId, Task, new_job_id

_LOG = logging.getLogger(__name__)

_READING_SECONDS = 2.0  # a form must be shown within three
_MOST_READ = 4
_NO_PROMPT = (
    "That file does not say what it was made with. Please describe the picture in the prompt, or "
    "choose the method “without a model”."
)
_TOO_SLOW = "That picture could not be fetched in time to show a form. Please try again."


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """Proof that a wish has been acknowledged: without one nothing is accepted.

    ``dedupe_key`` is the id of Discord's event, which may arrive twice. ``groups`` are what the
    owner belongs to, by which models are open to them.
    """

    address: Address
    scope: ScopeId
    dedupe_key: str
    groups: Groups

    def like(self, address: Address) -> Receipt:
        """The receipt for a job that is shown as the one at that address is: spoiler or not."""
        return replace(self, address=replace(self.address, spoiler=address.spoiler))


def scope_of(guild_id: int | None, user_id: int) -> ScopeId:
    """Where limits apply: the server, or one person's private messages."""
    return ScopeId(f"user:{user_id}" if guild_id is None else f"guild:{guild_id}")


def _parent_of(channel: object) -> int | None:
    """The channel that a public thread belongs to: what was said in private stays there."""
    if not isinstance(channel, discord.Thread) or channel.is_private():
        return None
    return channel.parent_id


class Intake:
    """The one way in. ``patience`` is how many seconds a job may wait before it expires."""

    def __init__(
        self,
        *,
        queue: Queue,
        catalog: Catalog,
        clock: Clock,
        board: Board,
        fetcher: Fetcher,
        patience: float,
        operators: Collection[int] = (),
    ) -> None:
        self._queue = queue
        self._catalog = catalog
        self._clock = clock
        self._board = board
        self._fetcher = fetcher
        self._material = Material(queue=queue, fetcher=fetcher)
        self._patience = patience
        self._operators = operators

    def check(self, order: Order | Errand, groups: Groups) -> None:
        """Everything that can be judged at once, before anything is shown.

        Raises a ``Refused`` or ``Unavailable``.
        """
        catalog = self._catalog.seen_by(groups)
        if isinstance(order, Errand):
            catalog.find_tool(order.task, order.tool)
        else:
            catalog.resolve(order.draft, task=order.task, references=len(order.references))

    def groups_of(self, user: discord.User | discord.Member, guild_id: int | None) -> Groups:
        """What the user belongs to there."""
        return permissions.groups_of(user, guild_id, self._operators)

    async def acknowledge(
        self, interaction: discord.Interaction, *, private: bool, spoiler: bool = False
    ) -> Receipt:
        """Show "thinking" in a new answer. Raises when the bot may not show pictures there."""
        received_at = self._clock.now()
        permissions.require_place(interaction)
        message_id = await errors.acknowledge(interaction, private=private)
        direct = interaction.guild_id is None and isinstance(interaction.channel, discord.DMChannel)
        address = Address(
            application_id=interaction.application_id,
            owner_id=interaction.user.id,
            received_at=received_at,
            token=interaction.token,
            channel_id=interaction.channel_id,
            parent_id=_parent_of(interaction.channel),
            guild_id=interaction.guild_id,
            message_id=message_id,
            private=private,
            spoiler=spoiler,
            direct=direct and not interaction.context.private_channel,
            reachable=interaction.is_guild_integration() or direct,
            file_limit=interaction.filesize_limit,
            locale=interaction.locale.value,
        )
        return Receipt(
            address=address,
            scope=scope_of(interaction.guild_id, interaction.user.id),
            dedupe_key=f"interaction:{interaction.id}",
            groups=self.groups_of(interaction.user, interaction.guild_id),
        )

    def receipt_for(self, message: discord.Message, answer: discord.Message) -> Receipt:
        """The receipt for a message that was acknowledged by ``answer``."""
        guild = message.guild
        address = Address(
            application_id=answer.author.id,
            owner_id=message.author.id,
            received_at=self._clock.now(),
            channel_id=message.channel.id,
            parent_id=_parent_of(message.channel),
            guild_id=None if guild is None else guild.id,
            message_id=answer.id,
            direct=guild is None,
            file_limit=DEFAULT_FILE_LIMIT if guild is None else guild.filesize_limit,
        )
        return Receipt(
            address=address,
            scope=scope_of(address.guild_id, message.author.id),
            dedupe_key=f"message:{message.id}",
            groups=self.groups_of(message.author, address.guild_id),
        )

    async def take(
        self,
        interaction: discord.Interaction,
        order: Order | Errand,
        *,
        private: bool,
        spoiler: bool = False,
    ) -> None:
        """Check an order that is whole already, acknowledge it, and admit it.

        Raises what ``check``, ``acknowledge`` and ``admit`` raise.
        """
        self.check(order, self.groups_of(interaction.user, interaction.guild_id))
        receipt = await self.acknowledge(interaction, private=private, spoiler=spoiler)
        await self.admit(order, receipt)

    async def admit(self, order: Order | Errand, receipt: Receipt) -> Ticket:
        """Accept the order and show where it stands. Raises a ``Refused`` or ``StorageError``."""
        catalog = self._catalog.seen_by(receipt.groups)
        if isinstance(order, Errand):
            picture, params = await self._material.for_tool(order, receipt.scope, catalog)
            pictures: tuple[bytes, ...] = (picture,)
        else:
            pictures, params = await self._material.prepare(order, receipt.scope, catalog)
        inputs = tuple([await self._queue.keep(picture) for picture in pictures])
        now = self._clock.now()
        request = Request(
            id=new_job_id(),
            dedupe_key=receipt.dedupe_key,
            owner=OwnerId(str(receipt.address.owner_id)),
            scope=receipt.scope,
            params=params,
            delivery=receipt.address.dump(),
            accepted_at=now,
            deadline=now + self._patience,
            inputs=inputs,
            parent=order.parent,
            weight=share_of(receipt.groups, await self._queue.shares(receipt.scope)),
        )
        try:
            ticket = await self._queue.submit(request)
        except GenerationError:
            for blob in inputs:
                await self._queue.drop(blob)
            raise
        if not ticket.duplicate:
            self._board.queued(ticket.job, ticket.place)
        return ticket

    async def draft_to_enlarge(self, draft: Draft, picture: Pointer, groups: Groups) -> Draft:
        """The draft for a larger picture; where it says nothing, the file's own settings hold.

        Raises ``InvalidParams`` where neither says what the picture shows.
        """
        if draft.prompt:
            light = STRENGTH if draft.strength is None else draft.strength
            return replace(to_enlarge(draft, draft.seed), strength=light)
        try:
            taken = await self.settings_in([picture], groups)
        except BadImage as error:
            raise InvalidParams("prompt", _NO_PROMPT, detail=error.detail) from error
        found = to_enlarge(taken.draft, taken.draft.seed)
        found = self._catalog.fitted(found, Task.IMG2IMG)
        return replace(
            found,
            model=draft.model or found.model,
            seed=found.seed if draft.seed is None else draft.seed,
            strength=found.strength if draft.strength is None else draft.strength,
        )

    async def enlarge(
        self, picture: Pointer, factor: float, receipt: Receipt
    ) -> tuple[Encoded, str]:
        """The picture enlarged without a model, and a sentence that says so.

        Raises ``BadImage``, ``OverLimit`` and ``DeliveryError``.
        """
        return await self._material.enlarge(
            picture, factor, receipt.scope, budget=receipt.address.file_limit
        )

    async def settings_in(self, pictures: Iterable[Pointer], groups: Groups) -> Taken:
        """The settings that the first of the pictures with any holds, as far as they fit here.

        A model that is not open to these ``groups`` is not here.

        Quick enough to be waited for before the first answer to an interaction. Raises
        ``BadImage`` when none holds any or none could be read in time, and ``Unavailable``.
        """
        refusal = BadImage("There is no picture in that message.")
        try:
            async with asyncio.timeout(_READING_SECONDS):
                for pointer in itertools.islice(pictures, _MOST_READ):
                    try:
                        return await self._settings_in(pointer, groups)
                    except BadImage as error:
                        refusal = error
        except TimeoutError:
            refusal = BadImage(_TOO_SLOW)
        raise refusal

    async def _settings_in(self, pointer: Pointer, groups: Groups) -> Taken:
        data = await self._fetcher.fetch(pointer, lambda head: find_text(head) is not None)
        text = find_text(data)
        if text is None:
            raise BadImage(WORKFLOW_ONLY if has_workflow(data) else NO_SETTINGS)
        return take_over(text, self._catalog.seen_by(groups))
