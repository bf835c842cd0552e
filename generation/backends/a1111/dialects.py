"""AUTOMATIC1111 and its relatives: who is there, and in what each differs from the others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum

from generation.backends.remote import trouble, values
from generation.backends.remote.reply import Reply
from generation.backends.remote.server import Server
from generation.backends.remote.trouble import Trouble
from generation.backends.remote.wire import Wire
from generation.errors import BadReply


class Kind(StrEnum):
    """Who answers, by the title that people know."""

    A1111 = "AUTOMATIC1111"
    FORGE = "Forge"
    SDNEXT = "SD.Next"
    SDCPP = "stable-diffusion.cpp"
    KOBOLD = "KoboldCpp"
    OTHER = "a server that speaks a part of AUTOMATIC1111's API"


class Batching(StrEnum):
    """How several pictures are asked for at once."""

    ITERATIONS = "n_iter"
    """One after another, ``batch_size`` of them together."""
    BATCH = "batch_size"
    SINGLE = "single"
    """Not at all: a request for each."""


class LoraWay(StrEnum):
    """How a LoRA is asked for."""

    TAG = "tag"
    """``<lora:name:weight>`` in the prompt."""
    FIELD = "field"
    """A list of its own, by path."""
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """What a server can do that others cannot, and how it wants to be asked.

    ``has_tasks``: it tells the progress of one task, by its id; ``has_progress``: of whatever runs
    now. Steps of a second pass are asked for in ``second_steps``. ``reports`` what it really used.
    ``forgets_interrupts`` with each new job, so that a finished one is known to be whole.
    """

    kind: Kind
    version: str = ""
    has_tasks: bool = False
    has_progress: bool = True
    can_halt: bool = True
    batching: Batching = Batching.ITERATIONS
    loras: LoraWay = LoraWay.TAG
    has_masks: bool = True
    has_hires: bool = True
    second_steps: str = "hr_second_pass_steps"
    reports: bool = True
    forgets_interrupts: bool = True
    has_overrides: bool = True
    multiple_of: int = 8
    max_side: int = 2048
    max_steps: int = 150

    @property
    def title(self) -> str:
        """The kind with its version, where that is known."""
        return f"{self.kind} {self.version}".strip()


A1111 = Dialect(kind=Kind.A1111)
FORGE = Dialect(kind=Kind.FORGE)
SDNEXT = Dialect(kind=Kind.SDNEXT, reports=False, forgets_interrupts=False)
SDCPP = Dialect(
    kind=Kind.SDCPP,
    has_progress=False,
    can_halt=False,
    batching=Batching.BATCH,
    loras=LoraWay.FIELD,
    second_steps="hr_steps",
    reports=False,
    has_overrides=False,
)
KOBOLD = Dialect(
    kind=Kind.KOBOLD,
    has_progress=False,
    can_halt=False,
    batching=Batching.SINGLE,
    loras=LoraWay.NONE,
    has_masks=False,
    has_hires=False,
    reports=False,
    has_overrides=False,
    multiple_of=64,
    max_side=1024,
    max_steps=80,
)
OTHER = replace(KOBOLD, kind=Kind.OTHER, max_side=2048, max_steps=150)


async def find_dialect(wire: Wire) -> Dialect:
    """Who answers there. Raises ``BackendError`` where nobody speaks this API."""
    models = await wire.get("sdapi/v1/sd-models")
    if not models.is_ok:
        if models.status == 404 and isinstance(await ask(wire, "sdapi/v1/options"), dict):
            has_progress = await ask(wire, "sdapi/v1/progress") is not None
            return replace(OTHER, has_progress=has_progress)
        raise _not_there(models, wire.server).unavailable()
    values.items(await models.read_json(), "list of models")
    version, modules, native, kobold, ping, progress = await asyncio.gather(
        *(
            ask(wire, path)
            for path in (
                "sdapi/v1/version",
                "sdapi/v1/sd-modules",
                "sdcpp/v1/capabilities",
                "api/extra/version",
                "internal/ping",
                "sdapi/v1/progress?skip_current_image=true",
            )
        )
    )
    if isinstance(native, dict):
        return SDCPP
    if isinstance(kobold, dict) and kobold.get("result") == "KoboldCpp":
        return replace(KOBOLD, version=values.field_text(kobold, "version"))
    has_tasks, has_progress = ping is not None, progress is not None
    if isinstance(version, dict):
        words = values.field_text(version, "updated") or values.field_text(version, "version")
        return replace(SDNEXT, version=words, has_tasks=has_tasks, has_progress=has_progress)
    base = FORGE if isinstance(modules, list) else A1111
    return replace(base, has_tasks=has_tasks, has_progress=has_progress, can_halt=has_progress)


async def ask(wire: Wire, path: str) -> object | None:
    """What the server has there, or None where it does not know of such a thing.

    Raises ``Unavailable`` or ``TimedOut`` when the server itself does not answer.
    """
    path, _, query = path.partition("?")
    name, _, value = query.partition("=")
    reply = await wire.get(path, query={name: value} if query else None)
    if not reply.is_ok or reply.is_page:
        return None
    try:
        return await reply.read_json()
    except BadReply:
        return None


def _not_there(reply: Reply, server: Server) -> Trouble:
    if reply.status == 404:  # what a web UI without its API answers
        return Trouble(
            cause=f"{server.url} does not know AUTOMATIC1111's API (status 404).",
            mend="Start the web UI with --api, or mend the address's port and path.",
        )
    known = trouble.of_status(reply.status, server)
    return known or Trouble(
        cause=f"{server.url} fails when it is asked for its models (status {reply.status}).",
        mend="Look at the server's log.",
    )
