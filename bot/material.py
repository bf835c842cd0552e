"""What orders start from: pictures fetched, made safe, brought into shape, and given their mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.orders import Errand, Holes, Order
from bot.uploads import Fetcher, Pointer
from generation.catalog import Catalog
from generation.enlarging import enlarged
from generation.images import (
    Canvas,
    Encoded,
    Margins,
    Picture,
    clean_upload,
    encode_ladder,
    extended_canvas,
    fit,
    layered,
    masked_canvas,
    read_size,
    size_to_redraw,
    stored_canvas,
)
from generation.prompt import Draft
from generation.queue import Queue
from generation.redrawing import Redraw
from generation.tools import tool_params
from generation.types import BlobId, Params, ScopeId, Task


class Material:
    """Prepares an order's pictures, and its parameters, which may take their shape."""

    def __init__(self, *, queue: Queue, fetcher: Fetcher) -> None:
        self._queue = queue
        self._fetcher = fetcher

    async def prepare(
        self, order: Order, scope: ScopeId, catalog: Catalog
    ) -> tuple[tuple[bytes, ...], Params]:
        """The PNGs that the job starts from, and its parameters with one of ``catalog``'s models.

        Raises ``BadImage``, ``InvalidParams``, ``PictureGone`` and ``StorageError``.
        """
        seen = [await self._picture(source) for source in order.references]
        held = [await self._picture(source) for source in order.controls]
        pictures, params = await self._drawn(order, scope, catalog, [*seen, *held])
        # As large as the finished picture: with hires there is more to hold to than at first.
        shown = [await fit(picture.png, *params.final_size) for picture in held]
        return (*pictures, *(picture.png for picture in seen), *shown), params

    async def _drawn(
        self, order: Order, scope: ScopeId, catalog: Catalog, beside: Sequence[Picture]
    ) -> tuple[tuple[bytes, ...], Params]:
        """The pictures that are redrawn, and the parameters; those ``beside`` are only seen."""
        looked_at = len(order.references)
        if order.picture is None:
            # What a picture is drawn from, or held to, gives it its shape.
            shape = (beside[0].width, beside[0].height) if beside else None
            return (), catalog.resolve(
                order.draft, task=order.task, picture_size=shape, references=looked_at
            )
        picture = await self._picture(order.picture)
        if order.mask is not None:
            return await self._masked(order, picture, scope, catalog)
        size = (picture.width, picture.height)
        draft = order.draft
        if order.factor is not None:
            draft = await self._enlarged(draft, size, order.factor, scope, catalog)
        params = catalog.resolve(draft, task=order.task, picture_size=size, references=looked_at)
        return (await fit(picture.png, params.width, params.height),), params

    async def for_tool(
        self, errand: Errand, scope: ScopeId, catalog: Catalog
    ) -> tuple[bytes, Params]:
        """The PNG that a tool works on, with its transparency, and the job's parameters.

        What is not to be enlarged is made smaller where it passes the server's limit for a side.
        Raises as ``prepare`` does, and ``OverLimit``.
        """
        tool = catalog.find_tool(errand.task, errand.tool)
        longest = (await self._queue.limits(scope)).max_side
        picture = await self._picture(errand.picture)
        if errand.task is not Task.UPSCALE:
            picture = await layered(picture, longest=longest)
            return picture.png, tool_params(tool, picture.width, picture.height)
        size = errand.size
        if size is None:
            size = enlarged((picture.width, picture.height), errand.factor, longest=longest)
        return (await layered(picture)).png, tool_params(tool, *size)

    async def enlarge(
        self, source: Pointer, factor: float, scope: ScopeId, *, budget: int
    ) -> tuple[Encoded, str]:
        """The picture enlarged by Lanczos' filter in at most ``budget`` bytes, and what was done.

        Raises ``BadImage``, ``OverLimit`` and ``DeliveryError``.
        """
        picture = await self._picture(source)
        longest = (await self._queue.limits(scope)).max_side
        width, height = enlarged((picture.width, picture.height), factor, longest=longest)
        encoded = await encode_ladder(await fit(picture.png, width, height), budget)
        note = f"Enlarged to {width}×{height} without a model: larger, with no new detail."
        return encoded, f"{note} {encoded.note}" if encoded.note else note

    async def _enlarged(
        self, draft: Draft, size: tuple[int, int], factor: float, scope: ScopeId, catalog: Catalog
    ) -> Draft:
        model = catalog.default if draft.model is None else catalog.find(draft.model)
        longest = (await self._queue.limits(scope)).max_side
        width, height = enlarged(size, factor, longest=longest, model=model)
        return replace(draft, width=width, height=height, aspect_ratio=None)

    async def _masked(
        self, order: Order, picture: Picture, scope: ScopeId, catalog: Catalog
    ) -> tuple[tuple[bytes, ...], Params]:
        longest = (await self._queue.limits(scope)).max_side
        # The blur is checked before pictures of many megapixels are softened by it.
        asked = catalog.resolve(order.draft, task=order.task)
        canvas = await self._canvas(order, picture, longest)
        part = await size_to_redraw(canvas, blur=asked.mask_blur, padding=asked.padding)
        redraw = Redraw(canvas=(canvas.width, canvas.height), part=part, longest=longest)
        params = catalog.resolve(
            order.draft, task=order.task, redraw=redraw, references=len(order.references)
        )
        return (canvas.png, canvas.mask), params

    async def _canvas(self, order: Order, picture: Picture, longest: int) -> Canvas:
        mask = order.mask
        if isinstance(mask, Margins):
            return await extended_canvas(picture, mask, longest=longest)
        if mask is None or isinstance(mask, Holes):
            return await masked_canvas(picture, None, longest=longest)
        if isinstance(mask, Pointer):
            return await masked_canvas(picture, await self._picture(mask), longest=longest)
        return await stored_canvas(picture.png, await self._queue.picture(mask))

    async def _picture(self, source: Pointer | BlobId) -> Picture:
        if isinstance(source, Pointer):
            return await clean_upload(await self._fetcher.fetch(source))
        png = await self._queue.picture(source)
        width, height = read_size(png)
        return Picture(png=png, width=width, height=height)
