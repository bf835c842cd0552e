"""Finds out what kind of engine answers at an address, by asking as each kind wants to be asked."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from generation.backends.remote import trouble
from generation.backends.remote.reply import Reply
from generation.backends.remote.server import Server
from generation.backends.remote.trouble import Trouble
from generation.backends.remote.wire import Wire
from generation.errors import BadReply

_SPACES = ("huggingface.co", "hf.space")
_WEB_UI = b"txt2img_prompt"  # a part of the page of A1111 and its relatives


class Kind(StrEnum):
    """What an engine speaks. The values are the kinds of the configuration."""

    A1111 = "a1111"
    GRADIO = "gradio"
    COMFYUI = "comfyui"
    OPENAI = "openai"

    @property
    def words(self) -> str:
        """It in words, for its operator."""
        return _WORDS[self]


_WORDS = {
    Kind.A1111: "AUTOMATIC1111 or a relative",
    Kind.GRADIO: "a Gradio app",
    Kind.COMFYUI: "ComfyUI",
    Kind.OPENAI: "an OpenAI-style endpoint",
}


async def find_kind(wire: Wire) -> Kind:
    """What answers there. Every question is a GET that changes nothing.

    A1111 and its relatives are Gradio apps too, so they are asked for first. Raises
    ``BackendError`` with cause and mend.
    """
    if _is_space(wire.server):
        return Kind.GRADIO  # the page of a Space says nothing, and one asleep cannot be asked
    for path, judge in _QUESTIONS:
        reply = await _ask(wire, path)
        if reply is not None and (kind := judge(reply)) is not None:
            return kind
    raise unknown(wire.server).unavailable()


def unknown(server: Server) -> Trouble:
    """Something answers there, and it is none of the engines that can be used."""
    return Trouble(
        cause=f"{server.url} answers, but as no engine that Easel knows.",
        mend="Check the port. If it is one, write its kind: a1111, gradio, comfyui or openai.",
    )


def without_api(server: Server) -> Trouble:
    """A web UI of A1111's family was started for its page alone."""
    return Trouble(
        cause=f"{server.url} is an A1111 web UI whose API is not enabled.",
        mend="Start it with --api (in COMMANDLINE_ARGS of webui-user), and --listen for others.",
    )


def _is_space(server: Server) -> bool:
    return any(server.host == host or server.host.endswith(f".{host}") for host in _SPACES)


async def _ask(wire: Wire, path: str) -> Reply | None:
    try:
        return await wire.get(path)
    except BadReply:
        return None  # redirects, and whatever else no engine of that kind does


def _of_a1111(reply: Reply) -> Kind | None:
    _require_login(reply)
    return Kind.A1111 if isinstance(_value(reply), dict | list) else None


def _of_comfyui(reply: Reply) -> Kind | None:
    value = _value(reply)
    return Kind.COMFYUI if isinstance(value, dict) and "system" in value else None


def _of_gradio(reply: Reply) -> Kind | None:
    if reply.status == 401:
        return Kind.GRADIO  # only its own login form can tell more
    value = _value(reply)
    if not isinstance(value, dict) or "dependencies" not in value:
        return None
    if _WEB_UI in reply.body:
        raise without_api(reply.server).unavailable()
    return Kind.GRADIO


def _of_openai(reply: Reply) -> Kind | None:
    _require_login(reply)
    value = _value(reply)
    return Kind.OPENAI if isinstance(value, dict) and isinstance(value.get("data"), list) else None


def _require_login(reply: Reply) -> None:
    """Raise where the server tells nothing to whom it does not know."""
    if reply.status in {401, 403} and (problem := trouble.of_status(reply.status, reply.server)):
        raise problem.unavailable()


def _value(reply: Reply) -> object:
    """The JSON of a good answer; None of any other."""
    if not reply.is_ok or reply.is_page:
        return None
    try:
        return reply.json()
    except BadReply:
        return None


_QUESTIONS: tuple[tuple[str, Callable[[Reply], Kind | None]], ...] = (
    ("sdapi/v1/version", _of_a1111),  # SD.Next
    ("sdapi/v1/sd-models", _of_a1111),
    ("sdcpp/v1/capabilities", _of_a1111),  # stable-diffusion.cpp
    ("system_stats", _of_comfyui),
    ("sdapi/v1/options", _of_a1111),  # programs that speak a part of A1111's API
    ("config", _of_gradio),
    ("v1/models", _of_openai),
    ("models", _of_openai),  # an address that ends in /v1, as such servers give theirs
)
