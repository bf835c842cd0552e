"""How far a job is at a web UI: told of its own task, or guessed from whatever runs there."""

from __future__ import annotations

from dataclasses import dataclass

from generation.backends.a1111.dialects import Dialect
from generation.backends.remote import values
from generation.backends.remote.pictures import from_base64, read_preview
from generation.backends.remote.wire import Wire
from generation.errors import BadReply
from generation.types import Progress

_MOST_ETA = 3600.0
_STARTED = 0.011
"""Below this a job has begun no step yet, and what the server expects is nonsense."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What is seen of a task: ``share`` of it that is done, None while it waits or is unknown.

    ``was_interrupted``: nothing runs, and the last job was stopped early by somebody.
    """

    is_running: bool
    is_waiting: bool = False
    was_interrupted: bool = False
    share: float | None = None
    eta_seconds: float | None = None
    preview: bytes | None = None
    preview_number: int = -1

    def progress(self, steps: int) -> Progress | None:
        """It in so many steps; None where nothing is known."""
        if self.share is None:
            return None
        share = min(max(self.share, 0.0), 1.0)
        eta = self.eta_seconds if self.share >= _STARTED else None
        return Progress(step=int(share * steps), steps=steps, eta_seconds=eta, preview=self.preview)


async def look_at_task(wire: Wire, task_id: str, *, after: int, with_preview: bool) -> Sight:
    """How far that very task is, with a preview newer than number ``after`` if there is one.

    The server goes on calling a task active that has failed: only its answer says that it ended.
    Raises ``BackendError``.
    """
    reply = await wire.post(
        "internal/progress",
        json={"id_task": task_id, "id_live_preview": after, "live_preview": with_preview},
    )
    told = values.mapping(await reply.read_json(), "progress")
    number = told.get("id_live_preview")
    picture = told.get("live_preview")
    return Sight(
        is_running=told.get("active") is True,
        is_waiting=told.get("queued") is True,
        share=_share(told.get("progress")),
        eta_seconds=_eta(told.get("eta")),
        preview=await _preview(picture) if picture else None,
        preview_number=number if isinstance(number, int) else after,
    )


async def look_at_server(wire: Wire, dialect: Dialect, *, with_preview: bool) -> Sight | None:
    """How far that is what runs there, whosever it is; None where the server does not tell."""
    if not dialect.has_progress:
        return None
    query = None if with_preview else {"skip_current_image": "true"}
    reply = await wire.get("sdapi/v1/progress", query=query)
    told = values.mapping(await reply.read_json(), "progress")
    state = values.mapping(told.get("state"), "state")
    is_running = state.get("job_count") != 0
    picture = told.get("current_image")
    return Sight(
        is_running=is_running,
        share=_share(told.get("progress")) if is_running else None,
        was_interrupted=not is_running and bool(state.get("interrupted") or state.get("skipped")),
        eta_seconds=_eta(told.get("eta_relative")),
        preview=await _preview(picture) if with_preview and picture else None,
    )


def _share(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None


def _eta(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 < value < _MOST_ETA else None


async def _preview(written: object) -> bytes | None:
    try:
        return await read_preview(from_base64(written))
    except BadReply:
        return None
