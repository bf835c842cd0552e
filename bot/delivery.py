"""Brings every job's ending to its owner, exactly once, over whichever way is still open."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Final

import discord

from bot import replies
from bot.address import DEFAULT_FILE_LIMIT, Address
from bot.parcel import Parcel
from bot.post import Post
from bot.progress import Board
from bot.refusals import Refusals
from bot.verdicts import SEND_ERRORS, Verdict, judge
from generation.backends.base import ModelInfo
from generation.catalog import Catalog
from generation.clock import Clock
from generation.enlarging import can_grow, has_room
from generation.errors import (
    DeliveryError,
    GenerationError,
    InvalidParams,
    PictureGone,
    StorageError,
)
from generation.queue import Queue
from generation.types import Job, JobId, Progress, StoredOutput, Task

_LOG = logging.getLogger(__name__)

REQUEST_LIMIT: Final = 24 * 1024 * 1024
"""Bytes of all pictures in one request. Discord takes 25 MiB with everything around them."""

RETRY_SECONDS: Final = 10.0
BAN_SECONDS: Final = 600.0
"""How long all requests rest after Discord's edge has refused us without asking Discord."""

_MOST_TRIES = 8
_NONCE_SECONDS = 60.0  # for how long a nonce is trusted to find an earlier message
_LOOK_BACK = 50
_MOVED = "This took a while: the result is in a new message."


class Route(Enum):
    """A way for an ending to reach its owner."""

    ANSWER = auto()
    """Edit the interaction's answer with its token."""

    MESSAGE = auto()
    """Edit our own message that shows the job."""

    CHANNEL = auto()
    """A new message in the channel that notifies the owner."""

    PARENT = auto()
    """The same in the channel that the thread belongs to."""

    DIRECT = auto()
    """A new private message to the owner."""


_NEW_MESSAGES = frozenset({Route.CHANNEL, Route.PARENT, Route.DIRECT})


def routes(address: Address, now: float) -> tuple[Route, ...]:
    """The ways open to an address, the best first. Private results never enter a channel."""
    found: list[Route] = []
    if address.token_lives(now):
        found.append(Route.ANSWER)
    if address.token is None and address.message_id is not None:
        found.append(Route.MESSAGE)
    if address.channel_id is not None and (
        address.direct or (address.reachable and not address.private)
    ):
        found.append(Route.CHANNEL)
        if address.parent_id is not None:
            found.append(Route.PARENT)
    if not address.direct:
        found.append(Route.DIRECT)
    return tuple(found)


class Messenger:
    """The bot as the dispatcher's audience: progress on a board, endings by the route ladder."""

    def __init__(
        self,
        *,
        client: discord.Client,
        queue: Queue,
        catalog: Catalog,
        clock: Clock,
        refusals: Refusals,
    ) -> None:
        self._client = client
        self._queue = queue
        self._catalog = catalog
        self._clock = clock
        self._post = Post(client, refusals)
        self.board = Board(post=self._post, places=queue, clock=clock)
        self._moved: dict[JobId, Address] = {}
        self._silent_until = 0.0

    async def run(self) -> None:
        """Show progress until cancelled. Belongs into the application's task group."""
        await self.board.run()

    def started(self, job: Job) -> None:
        """The job is being worked on."""
        self.board.started(job)

    def progressed(self, job: Job, progress: Progress) -> None:
        """The job has advanced."""
        self.board.progressed(job, progress)

    async def deliver(self, job: Job) -> str:
        """Show the job's ending; see ``generation.audience.Audience``."""
        followed = await self.board.close(job.id)
        address = self._moved.get(job.id) or followed or _read_address(job)
        self._moved[job.id] = address
        if (rest := self._silent_until - self._clock.monotonic()) > 0:
            raise DeliveryError(retry_after=rest, detail="resting after a ban")
        try:
            shown = await self._walk(job, await self._parcel(job, address))
        except DeliveryError as error:
            if error.retry_after is None:
                self._moved.pop(job.id, None)
            raise
        self._moved.pop(job.id, None)
        _LOG.info("delivered job=%s outcome=%s", job.id, job.outcome)
        return shown.dump()

    async def show(self, job: Job, address: Address) -> None:
        """Show an ending anew, in the answer to an interaction. Raises ``DeliveryError``."""
        shown = await self._try(Route.ANSWER, address, await self._parcel(job, address))
        if shown is None:
            raise DeliveryError(detail="the answer cannot be edited")

    async def _parcel(self, job: Job, address: Address) -> Parcel:
        pictures: list[tuple[StoredOutput, bytes]] = []
        for output in job.outputs:
            try:
                pictures.append((output, await self._queue.picture(output.blob)))
            except StorageError as error:
                raise DeliveryError(retry_after=RETRY_SECONDS, detail=error.detail) from error
            except PictureGone:
                _LOG.warning("picture_gone job=%s blob=%s", job.id, output.blob)
        share = REQUEST_LIMIT // max(1, min(len(pictures), replies.PICTURE_LIMIT))
        model = self._model_that_can_go_on(job)
        can_upscale = await self._can_upscale(job, model)
        return Parcel(
            job=job,
            pictures=tuple(pictures),
            can_vary=model is not None,
            can_upscale=can_upscale,
            spoiler=address.spoiler,
            budget=min(share, address.file_limit),
        )

    async def _can_upscale(self, job: Job, model: ModelInfo | None) -> bool:
        """Whether there is a tool that enlarges the job's pictures, or else its model does."""
        size = job.request.params.final_size
        if not self._catalog.tools(Task.UPSCALE):
            return model is not None and can_grow(size, model)
        try:
            limits = await self._queue.limits(job.request.scope)
        except StorageError:
            return False
        return has_room(size, limits.max_side)

    def _model_that_can_go_on(self, job: Job) -> ModelInfo | None:
        """The job's model, if it is still there and can start from a picture."""
        try:
            model = self._catalog.find(job.request.params.model)
        except InvalidParams:
            return None
        return model if Task.IMG2IMG in model.tasks else None

    async def _walk(self, job: Job, parcel: Parcel) -> Address:
        """Try every open way in turn. Raises ``DeliveryError`` when none is left."""
        start = self._moved[job.id]
        for route in routes(start, self._clock.now()):
            address = self._moved[job.id]
            shown = await self._try(route, address, parcel)
            if shown is not None:
                if route in _NEW_MESSAGES:
                    await self._point_onward(start)
                return shown
            if route is Route.ANSWER:
                # Never used again: each use of a dead token counts towards a ban.
                await self._forget_token(job.id, address)
        raise DeliveryError(detail="no way is open")

    async def _try(self, route: Route, address: Address, parcel: Parcel) -> Address | None:
        """The address after showing the ending that way, or None if that way is closed."""
        for _ in range(_MOST_TRIES):
            try:
                return await self._show(route, address, parcel)
            except SEND_ERRORS as error:
                verdict = _judge_for(route, error)
                _LOG.info(
                    "not_shown job=%s route=%s verdict=%s status=%s code=%s",
                    parcel.job.id,
                    route.name.lower(),
                    verdict.name.lower(),
                    getattr(error, "status", None),
                    getattr(error, "code", None),
                )
                if verdict is Verdict.LATER:
                    raise self._later(error) from error
                if verdict is Verdict.ELSEWHERE or not parcel.adapt(verdict, error):
                    return None
        return None

    async def _show(self, route: Route, address: Address, parcel: Parcel) -> Address:
        if route is Route.DIRECT:
            channel_id = await self._post.open_direct(address.owner_id)
            address = replace(
                address, channel_id=channel_id, guild_id=None, message_id=None, direct=True
            )
        if route is Route.PARENT:
            address = replace(
                address, channel_id=address.parent_id, parent_id=None, message_id=None
            )
        if route in _NEW_MESSAGES:
            parcel.budget = min(parcel.budget, self._file_limit(address))
            shown = await self._earlier(address, parcel.job)
            if shown is None:
                shown = await self._post.send(
                    address,
                    replies.mentioning(await parcel.card(), address.owner_id),
                    nonce=parcel.job.id,
                    reply_to=address.message_id if parcel.reply else None,
                )
            return replace(address, message_id=shown, token=None)
        card = await parcel.card()
        if route is Route.ANSWER:
            return replace(address, message_id=await self._post.edit_answer(address, card))
        await self._post.edit_message(address, card)
        return address

    async def _earlier(self, address: Address, job: Job) -> int | None:
        """The message that an earlier attempt has posted, when a nonce can no longer find it."""
        if job.ended_at is None or self._clock.now() - job.ended_at < _NONCE_SECONDS:
            return None
        try:
            async for message in self._post.own_messages(
                address, since=job.ended_at, most=_LOOK_BACK
            ):
                if message.id != address.message_id and job.id in str(message.nonce or ""):
                    return message.id
                if message.id != address.message_id and _carries(message, job.id):
                    return message.id
        except discord.HTTPException:
            pass  # we may not read the history; the nonce has to do
        return None

    def _file_limit(self, address: Address) -> int:
        guild = None if address.guild_id is None else self._client.get_guild(address.guild_id)
        return DEFAULT_FILE_LIMIT if guild is None else guild.filesize_limit

    async def _forget_token(self, job_id: JobId, address: Address) -> None:
        moved = replace(address, token="")
        self._moved[job_id] = moved
        try:
            await self._queue.set_delivery(job_id, moved.dump())
        except GenerationError as error:
            _LOG.warning("address_not_stored job=%s code=%s", job_id, error.code)

    async def _point_onward(self, old: Address) -> None:
        """Leave no stale "drawing" behind: the old message says where to look. Best effort."""
        if old.message_id is None or old.private or not old.reachable:
            return
        try:
            await self._post.edit_message(old, replies.notice(_MOVED))
        except SEND_ERRORS as error:
            _LOG.info("old_message_left kind=%s", type(error).__name__)

    def _later(self, error: Exception) -> DeliveryError:
        wait = RETRY_SECONDS * random.uniform(0.8, 1.6)  # noqa: S311 - spreads load, keeps no secret
        if isinstance(error, discord.RateLimited):
            wait = max(wait, error.retry_after)
        elif isinstance(error, discord.HTTPException) and error.status == 429:
            # discord.py waits out Discord's own limits; this one came from its edge: a ban.
            self._silent_until = self._clock.monotonic() + BAN_SECONDS
            wait = BAN_SECONDS
        return DeliveryError(retry_after=wait, detail=f"{type(error).__name__}")


def _judge_for(route: Route, error: Exception) -> Verdict:
    """The verdict where the route matters: without a token, 401 means that ours was changed.

    The next start with the right token delivers what was kept.
    """
    refused = isinstance(error, discord.HTTPException) and error.status == 401
    return Verdict.LATER if refused and route is not Route.ANSWER else judge(error)


def _read_address(job: Job) -> Address:
    try:
        return Address.load(job.request.delivery)
    except ValueError as error:
        raise DeliveryError(detail="the delivery address cannot be read") from error


def _carries(message: discord.Message, job_id: JobId) -> bool:
    """True if one of the message's buttons belongs to the job and it is no progress message."""
    ids: Sequence[str] = [
        child.custom_id or ""
        for row in message.components
        if isinstance(row, discord.ActionRow)
        for child in row.children
        if isinstance(child, discord.Button)
    ]
    return any(f":{job_id}" in custom_id and ":cancel:" not in custom_id for custom_id in ids)
