"""The page API: what members do over HTTP. Documented in API.md."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from bot.sandbox import rights
from bot.sandbox.cdn import Upload, default_avatar
from bot.sandbox.core import Core
from bot.sandbox.draft import DraftContext, Origin
from bot.sandbox.emoji import parse_emoji
from bot.sandbox.errors import ApiError, Code, invalid
from bot.sandbox.events import TypingEvent
from bot.sandbox.guild import MIB, Channel
from bot.sandbox.invocations import Actor
from bot.sandbox.message import Message
from bot.sandbox.messages import edit_context
from bot.sandbox.pages import Pages
from bot.sandbox.permissions import Permission, in_channel
from bot.sandbox.rest import Call, read_call
from bot.sandbox.trouble import Trouble
from bot.sandbox.view import MemberView
from bot.sandbox.wire import (
    Json,
    JsonObject,
    as_id,
    as_int,
    as_text,
    encode,
)

PAGE_FOLDER = Path(__file__).parent / "page"
_API = "/sandbox/api"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

Answering = Callable[[Call], Json]


class Driver:
    """The routes of page, page API and CDN."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world
        self._view = MemberView(core)
        self._pages = Pages(core, self._view)
        self._trouble = Trouble(core)

    def install(self, app: web.Application) -> None:
        """Add the routes."""
        route = app.router.add_route
        route("GET", "/", self._page)
        route("GET", "/static/{path:.+}", self._static)
        route("GET", "/attachments/{channel}/{id}/{name}", self._file)
        route("GET", "/embed/avatars/{number}.png", self._default_avatar)
        route("GET", "/avatars/{user}/{hash}.png", self._avatar)
        route("GET", _API + "/socket", _guarded(self._pages.handle))
        message = _API + "/messages/{channel}/{message}"
        reaction = message + "/reactions/{emoji}"
        for method, path, answering in (
            ("GET", _API + "/state", self._state),
            ("GET", _API + "/channels/{channel}/messages", self._messages),
            ("POST", _API + "/messages", self._send),
            ("PATCH", message, self._edit),
            ("DELETE", message, self._delete),
            ("PUT", reaction, self._react),
            ("DELETE", reaction, self._unreact),
            ("POST", _API + "/typing", self._typing),
            ("POST", _API + "/threads", self._start_thread),
            ("POST", _API + "/interactions", self._interact),
            ("POST", _API + "/clock", self._trouble.advance),
            ("POST", _API + "/faults", self._trouble.plan),
            ("DELETE", _API + "/faults", self._trouble.clear),
        ):
            route(method, path, _guarded(_json_answer(answering)))

    # -- page and files ------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.StreamResponse:
        del request
        return await _page_file("index.html")

    async def _static(self, request: web.Request) -> web.StreamResponse:
        return await _page_file(request.match_info["path"])

    async def _file(self, request: web.Request) -> web.StreamResponse:
        attachment = self._core.cdn.fetch(request.rel_url.raw_path, dict(request.query))
        if attachment is None:
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(
            body=attachment.data,
            headers={
                "Content-Type": attachment.facts.content_type,
                "X-Content-Type-Options": "nosniff",
                # Whatever was uploaded runs no script in the page's origin.
                "Content-Security-Policy": "sandbox; default-src 'none'",
            },
        )

    async def _default_avatar(self, request: web.Request) -> web.StreamResponse:
        number = as_int(request.match_info["number"])
        return web.Response(body=default_avatar(number), content_type="image/png")

    async def _avatar(self, request: web.Request) -> web.StreamResponse:
        info = request.match_info
        data = self._core.cdn.avatar(info["user"], info["hash"])
        if data is None:
            return web.Response(status=404, text="There is no such avatar.")
        return web.Response(body=data, content_type="image/png")

    # -- looking -------------------------------------------------------------------------------

    def _state(self, call: Call) -> Json:
        return self._view.state(self._user(call.query))

    def _messages(self, call: Call) -> Json:
        user_id = self._user(call.query)
        channel = self._visible(call.path["channel"], user_id)
        found = self._core.messages.history(
            channel.id,
            viewer_id=user_id,
            limit=min(100, max(1, as_int(call.query.get("limit"), 50))),
            before=as_id(call.query.get("before")),
            after=as_id(call.query.get("after")),
        )
        return [self._view.message(item, user_id) for item in found]

    # -- messages ------------------------------------------------------------------------------

    def _send(self, call: Call) -> Json:
        user_id = self._user(call.data)
        channel = self._visible(as_text(call.data.get("channel_id")), user_id)
        body: JsonObject = {
            key: call.data[key]
            for key in ("content", "attachments", "nonce", "embeds")
            if key in call.data
        }
        if call.data.get("reply_to") is not None:
            body["message_reference"] = {"message_id": call.data["reply_to"]}
        uploads = call.uploads
        if call.data.get("spoiler") is True:
            body.pop("attachments", None)
            uploads = [_spoiler(item) for item in uploads]
        context = DraftContext(
            channel_id=channel.id,
            origin=Origin.CHANNEL,
            file_size_limit=self._file_limit(channel),
        )
        draft = self._core.messages.drafter.read(body, uploads, context)
        rights.require_send(self._world, channel, user_id, draft)
        return self._view.message(self._core.messages.create(channel, user_id, draft), user_id)

    def _edit(self, call: Call) -> Json:
        user_id, message = self._found(call)
        if message.author_id != user_id:
            raise ApiError.of(Code.CANNOT_EDIT_OTHERS)
        context = edit_context(message, self._file_limit(self._world.channel(message.channel_id)))
        body: JsonObject = {"content": call.data.get("content")}
        draft = self._core.messages.drafter.read(body, [], context)
        return self._view.message(self._core.messages.edit(message, draft), user_id)

    def _delete(self, call: Call) -> Json:
        user_id, message = self._found(call)
        channel = self._world.channel(message.channel_id)
        bits = in_channel(self._world, channel, user_id)
        if message.ephemeral_to == user_id:
            self._core.messages.dismiss(message)
            return None
        if message.author_id != user_id and not bits & Permission.MANAGE_MESSAGES:
            raise ApiError.of(Code.MISSING_PERMISSIONS)
        self._core.messages.delete(message)
        return None

    def _react(self, call: Call) -> Json:
        user_id, message = self._found(call)
        channel = self._world.channel(message.channel_id)
        rights.require(self._world, channel, user_id, Permission.ADD_REACTIONS)
        self._core.messages.react(message, user_id, parse_emoji(call.path["emoji"]))
        return None

    def _unreact(self, call: Call) -> Json:
        user_id, message = self._found(call)
        self._core.messages.unreact(message, user_id, parse_emoji(call.path["emoji"]))
        return None

    def _typing(self, call: Call) -> Json:
        user_id = self._user(call.data)
        channel = self._visible(as_text(call.data.get("channel_id")), user_id)
        self._world.bus.publish(TypingEvent(channel=channel, user_id=user_id))
        return None

    def _start_thread(self, call: Call) -> Json:
        user_id = self._user(call.data)
        parent = self._visible(as_text(call.data.get("channel_id")), user_id)
        if parent.is_thread or parent.is_dm:
            raise ApiError.of(Code.WRONG_CHANNEL_TYPE)
        rights.require(self._world, parent, user_id, Permission.CREATE_PUBLIC_THREADS)
        name = as_text(call.data.get("name")).strip()
        if not name:
            raise invalid(("name",), "BASE_TYPE_REQUIRED", "This field is required")
        thread_id = None
        if call.data.get("message_id") is not None:
            message = self._core.messages.get(parent.id, as_text(call.data["message_id"]))
            if message.thread_id is not None:
                raise ApiError.of(Code.THREAD_EXISTS)
            thread_id = message.thread_id = message.id
        thread = self._world.add_thread(parent, name, user_id, thread_id=thread_id)
        return self._view.channel(thread, user_id)

    # -- interactions --------------------------------------------------------------------------

    def _interact(self, call: Call) -> Json:
        user_id = self._user(call.data)
        limit = call.data.get("attachment_size_limit")
        actor = Actor(
            user_id=user_id,
            channel=self._visible(as_text(call.data.get("channel_id")), user_id),
            nonce=as_text(call.data.get("nonce")),
            uploads=tuple(call.uploads),
            names=call.data,
            file_size_limit=None if limit is None else as_int(limit),
        )
        kind = as_text(call.data.get("type"))
        invocations = self._core.invocations
        if kind in {"command", "autocomplete"}:
            made = invocations.command(actor, call.data, typing=kind == "autocomplete")
        elif kind == "component":
            made = invocations.component(actor, call.data)
        elif kind == "modal":
            made = invocations.modal(actor, call.data)
        else:
            raise invalid(
                ("type",),
                "BASE_TYPE_CHOICES",
                "Must be one of command, autocomplete, component, modal.",
            )
        return {"id": made.id}

    # -- shared --------------------------------------------------------------------------------

    def _user(self, place: JsonObject | dict[str, str]) -> str:
        found = as_id(place.get("user"))
        user = self._world.people[0] if found is None else self._world.user(found)
        if user.bot:
            raise ApiError.of(Code.UNKNOWN_USER)
        return user.id

    def _visible(self, channel_id: str, user_id: str) -> Channel:
        channel = self._world.channel(channel_id)
        rights.require_view(self._world, channel, user_id)
        return channel

    def _found(self, call: Call) -> tuple[str, Message]:
        user_id = self._user(call.query if "user" in call.query else call.data)
        channel = self._visible(call.path["channel"], user_id)
        message = self._core.messages.get(channel.id, call.path["message"])
        if not message.visible_to(user_id):
            raise ApiError.of(Code.UNKNOWN_MESSAGE)
        return user_id, message

    def _file_limit(self, channel: Channel) -> int:
        guild = self._world.guilds.get(channel.guild_id or "")
        return 10 * MIB if guild is None else guild.attachment_size_limit


_PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


async def _page_file(name: str) -> web.StreamResponse:
    path = await asyncio.to_thread((PAGE_FOLDER / name).resolve)
    inside = path.is_relative_to(await asyncio.to_thread(PAGE_FOLDER.resolve))
    if not inside or not await asyncio.to_thread(path.is_file):
        return web.Response(status=404, text="There is no such file.")
    return web.FileResponse(path, headers=_PAGE_HEADERS)


_HttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _guarded(handler: _HttpHandler) -> _HttpHandler:
    """Keep other sites' pages out: they could otherwise act as any member."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        own = origin is None or urlsplit(origin).netloc == request.headers.get("Host")
        if request.url.host not in _LOOPBACK or not own:
            return web.Response(status=403, text="The sandbox answers to its own page only.")
        try:
            return await handler(request)
        except ApiError as error:
            return _respond(error.body(), error.status)

    return guarded


def _json_answer(answering: Answering) -> _HttpHandler:
    async def answer(request: web.Request) -> web.StreamResponse:
        body = answering(await read_call(request))
        return web.Response(status=204) if body is None else _respond(body, 200)

    return answer


def _respond(body: Json, status: int) -> web.Response:
    return web.Response(status=status, body=encode(body).encode(), content_type="application/json")


def _spoiler(upload: Upload) -> Upload:
    return replace(upload, filename=f"SPOILER_{upload.filename}")
