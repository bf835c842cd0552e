"""From a member's wish to an accepted job: checked, acknowledged, its picture made safe, queued."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import discord

from bot import errors, permissions
from bot.address import DEFAULT_FILE_LIMIT, Address
from bot.progress import Board
from bot.uploads import Fetcher, Pointer
from generation.catalog import Catalog
from generation.clock import Clock
from generation.errors import GenerationError
from generation.images import clean_upload, fit
from generation.prompt import Draft, merge, parse_flags
from generation.queue import Queue
from generation.types import (
    BlobId,
    JobId,
    OwnerId,
    Params,
    Request,
    ScopeId,
    Task,
    Ticket,
    new_job_id,
)

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What a member wants. ``picture`` is what to start from: elsewhere on Discord, or stored."""

    draft: Draft
    picture: Pointer | BlobId | None = None
    parent: JobId | None = None

    @property
    def task(self) -> Task:
        """What that asks of a model."""
        return Task.TXT2IMG if self.picture is None else Task.IMG2IMG


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """Proof that a wish has been acknowledged: without one nothing is accepted.

    ``dedupe_key`` is the id of Discord's event, which may arrive twice.
    """

    address: Address
    scope: ScopeId
    dedupe_key: str

    def like(self, address: Address) -> Receipt:
        """The receipt for a job that is shown as the one at that address is: spoiler or not."""
        return replace(self, address=replace(self.address, spoiler=address.spoiler))


def draft_of(options: Draft) -> Draft:
    """A command's options with the flags of its prompt. Raises ``InvalidParams``."""
    return merge(options, parse_flags(options.prompt))


def draft_from(params: Params) -> Draft:
    """The draft that leads to the same parameters again, seed included."""
    return Draft(
        prompt=params.prompt,
        negative_prompt=params.negative_prompt or None,
        model=params.model,
        width=params.width,
        height=params.height,
        steps=params.steps,
        guidance_scale=params.guidance_scale,
        sampler=params.sampler,
        scheduler=params.scheduler,
        seed=params.seed,
        count=params.count,
        strength=None if params.task is Task.TXT2IMG else params.strength,
        loras=params.loras,
    )


def scope_of(guild_id: int | None, user_id: int) -> ScopeId:
    """Where limits apply: the server, or one person's private messages."""
    return ScopeId(f"user:{user_id}" if guild_id is None else f"guild:{guild_id}")


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
    ) -> None:
        self._queue = queue
        self._catalog = catalog
        self._clock = clock
        self._board = board
        self._fetcher = fetcher
        self._patience = patience

    def check(self, order: Order) -> None:
        """Everything that can be judged at once, before anything is shown.

        Raises ``InvalidParams`` or ``Unavailable``.
        """
        self._catalog.resolve(order.draft, task=order.task)

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
        )

    def receipt_for(self, message: discord.Message, answer: discord.Message) -> Receipt:
        """The receipt for a message that was acknowledged by ``answer``."""
        guild = message.guild
        address = Address(
            application_id=answer.author.id,
            owner_id=message.author.id,
            received_at=self._clock.now(),
            channel_id=message.channel.id,
            guild_id=None if guild is None else guild.id,
            message_id=answer.id,
            direct=guild is None,
            file_limit=DEFAULT_FILE_LIMIT if guild is None else guild.filesize_limit,
        )
        return Receipt(
            address=address,
            scope=scope_of(address.guild_id, message.author.id),
            dedupe_key=f"message:{message.id}",
        )

    async def admit(self, order: Order, receipt: Receipt) -> Ticket:
        """Accept the order and show where it stands. Raises a ``Refused`` or ``StorageError``."""
        png, params = await self._prepare(order)
        inputs: tuple[BlobId, ...] = ()
        if png is not None:
            fitted = await fit(png, params.width, params.height)
            inputs = (await self._queue.keep(fitted),)
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

    async def _prepare(self, order: Order) -> tuple[bytes | None, Params]:
        """The picture to start from, if any, and the parameters, which may take its shape."""
        if order.picture is None:
            return None, self._catalog.resolve(order.draft, task=order.task)
        if isinstance(order.picture, Pointer):
            upload = await clean_upload(await self._fetcher.fetch(order.picture))
            size = (upload.width, upload.height)
            params = self._catalog.resolve(order.draft, task=order.task, picture_size=size)
            return upload.png, params
        stored = await self._queue.picture(order.picture)
        return stored, self._catalog.resolve(order.draft, task=order.task)


def anew(draft: Draft) -> Draft:
    """The draft with a seed still to be drawn."""
    return replace(draft, seed=None)
