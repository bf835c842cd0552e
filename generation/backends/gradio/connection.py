"""The first exchange with an app: logging in, and reading what it says of itself."""

from __future__ import annotations

from dataclasses import replace

from generation.backends.gradio import refusals
from generation.backends.gradio.app import App, is_app, read_app
from generation.backends.gradio.calls import CALL
from generation.backends.gradio.guide import read_guide
from generation.backends.remote import trouble
from generation.backends.remote.reply import Reply
from generation.backends.remote.wire import Part, Wire
from generation.errors import BackendError

_SPACE_HOST = ".hf.space"
_ASLEEP = frozenset({502, 503, 504})
_NO_ENTRY = frozenset({401, 403})
_PREFIXES = ("/gradio_api", "")


async def connect(wire: Wire, endpoint: str | None) -> App:
    """The app, logged in to. Raises ``BackendError`` with cause and mend.

    Where the configuration is kept from us and ``endpoint`` names a function, what Gradio's guide
    documents is tried: /info and /call, with and without the prefix of 5.0.
    """
    try:
        config = await read_config(wire)
    except BackendError:
        app = None if endpoint is None else await _by_guide(wire)
        if app is None:
            raise
        return app
    app = read_app(config)
    reply = await wire.get(f"{app.prefix}/info")
    if not reply.is_ok or reply.is_page:
        return app  # the labels will do
    return read_app(config, await reply.read_json())


async def read_config(wire: Wire) -> object:
    """The app's configuration, after logging in if that is asked for. Raises ``BackendError``."""
    reply = await wire.get("config")
    if reply.status in _NO_ENTRY:
        await _log_in(wire)
        reply = await wire.get("config")
        if reply.status in _NO_ENTRY:
            raise refusals.wrong_login(wire.server).unavailable()
    if not reply.is_ok or reply.is_page:
        raise _no_app(wire, reply)
    config = await reply.read_json()
    if not is_app(config):
        raise refusals.not_gradio(wire.server).unavailable()
    return config


async def _log_in(wire: Wire) -> None:
    """Exchange name and password for a cookie, which the wire keeps for this server alone."""
    server = wire.server
    if server.username is None:
        raise refusals.wants_login(server).unavailable()
    form = [
        Part(name="username", data=server.username.encode()),
        Part(name="password", data=(server.password or "").encode()),
    ]
    reply = await wire.post("login", form=form)
    if not reply.is_ok:
        raise refusals.wrong_login(server).unavailable()


async def _by_guide(wire: Wire) -> App | None:
    for prefix in _PREFIXES:
        reply = await wire.get(f"{prefix}/info")
        if reply.is_ok and not reply.is_page:
            return replace(read_guide(await reply.read_json()), protocol=CALL, prefix=prefix)
    return None


def _no_app(wire: Wire, reply: Reply) -> BackendError:
    server = wire.server
    if server.host.endswith(_SPACE_HOST) and (reply.status in _ASLEEP or reply.is_ok):
        return refusals.not_awake(server).unavailable()
    if reply.status in {200, 404}:
        return refusals.not_gradio(server).unavailable()
    found = trouble.of_status(reply.status, server)
    return (found or refusals.not_gradio(server)).unavailable()
