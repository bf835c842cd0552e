"""Pictures on their way to an app and back: as text in Gradio 3, as files later."""

from __future__ import annotations

import asyncio
import base64

from generation.backends.base import Work
from generation.backends.gradio import refusals
from generation.backends.gradio.address import file_path
from generation.backends.gradio.app import App, Kind
from generation.backends.gradio.findings import Link
from generation.backends.gradio.order import Pictures
from generation.backends.gradio.plan import Plan
from generation.backends.gradio.roles import Role
from generation.backends.remote.pictures import from_base64
from generation.backends.remote.wire import Part, Wire
from generation.errors import BadReply
from generation.images import cut_patch, paint_over
from generation.types import Task

_GONE = frozenset({403, 404})


async def send_pictures(wire: Wire, app: App, plan: Plan, work: Work) -> Pictures:
    """The job's pictures as this function takes them. Raises ``BackendError``."""
    image, mask = work.image, work.mask
    if work.params.task is Task.INPAINT and image is not None and mask is not None:
        image, mask = await asyncio.to_thread(cut_patch, image, mask, work.params)
    layer = composite = None
    canvas = plan.input(Role.IMAGE)
    if canvas is not None and canvas.kind is Kind.EDITOR and image is not None and mask is not None:
        layer, composite = await asyncio.to_thread(paint_over, image, mask)
    return Pictures(
        image=await _sent(wire, app, image),
        mask=await _sent(wire, app, None if layer is not None else mask),
        layer=await _sent(wire, app, layer),
        composite=await _sent(wire, app, composite),
        references=tuple([await _sent(wire, app, each) for each in work.references]),
    )


async def fetch(wire: Wire, app: App, link: Link) -> bytes:
    """A picture's bytes, from the app's own address alone. Raises ``BackendError``."""
    if link.inline:
        return await asyncio.to_thread(from_base64, link.inline)
    reply = await wire.get(file_path(app.prefix, link.path, link.url))
    if reply.status in _GONE and link.url and wire.server.url_of(link.url) is not None:
        # Behind some proxies only the app itself knows the way to its replica.
        reply = await wire.get(link.url)
    if not reply.is_ok:
        raise BadReply(detail=f"the app gives no result file (status {reply.status})")
    return reply.body


async def _sent(wire: Wire, app: App, png: bytes | None) -> object:
    if png is None:
        return None
    if app.protocol == "ws":
        encoded = await asyncio.to_thread(base64.b64encode, png)
        return f"data:image/png;base64,{encoded.decode()}"
    form = [Part(name="files", data=png, filename="image.png", media_type="image/png")]
    reply = await wire.post(f"{app.prefix}/upload", form=form)
    if not reply.is_ok:
        raise refusals.of_reply(reply, app)
    paths = reply.json()
    if not isinstance(paths, list) or len(paths) != 1 or not isinstance(paths[0], str):
        raise BadReply(detail="the app took a picture and does not say where it is")
    return {
        "path": paths[0],
        "orig_name": "image.png",
        "mime_type": "image/png",
        "meta": {"_type": "gradio.FileData"},
    }
