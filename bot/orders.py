"""What a member wants: the draft, the picture to start from, and what of it is to be redrawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.uploads import Pointer
from generation.enlarging import FACTOR, STRENGTH
from generation.errors import PictureGone
from generation.images import Margins
from generation.prompt import Draft, merge, parse_flags
from generation.types import BlobId, Job, JobId, Params, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Holes:
    """The transparent part of the picture, as a mask."""


Mask = Pointer | BlobId | Holes | Margins
"""What is redrawn: a mask picture's white, stored or not, transparent parts, or added margins.

A stored mask belongs to a stored picture of the same size.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What a member wants. ``picture`` is what to start from: elsewhere on Discord, or stored.

    ``controls`` are the pictures for those of the draft, in their order.
    With a ``factor`` the picture is enlarged so many times, as far as is allowed, and redrawn.
    ``references`` are to be looked at; where the prompt ``instructs``, it says what to change.
    """

    draft: Draft
    picture: Pointer | BlobId | None = None
    mask: Mask | None = None
    controls: tuple[Pointer | BlobId, ...] = ()
    factor: float | None = None
    references: tuple[Pointer | BlobId, ...] = ()
    instructs: bool = False
    parent: JobId | None = None

    @property
    def task(self) -> Task:
        """What that asks of a model."""
        if self.instructs:
            return Task.EDIT
        if self.picture is None:
            return Task.TXT2IMG
        return Task.IMG2IMG if self.mask is None else Task.INPAINT


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """What a tool is to do with a picture; without a name, the first tool for the task.

    An upscaler makes it ``factor`` times larger, as far as is allowed. With a ``size`` the
    finished picture has that one.
    """

    task: Task
    picture: Pointer | BlobId
    tool: str | None = None
    factor: float = FACTOR
    size: tuple[int, int] | None = None
    parent: JobId | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """The stored pictures that a job started from, as far as it had them."""

    picture: BlobId | None = None
    mask: BlobId | None = None
    references: tuple[BlobId, ...] = ()
    controls: tuple[BlobId, ...] = ()


def inputs_of(job: Job) -> Inputs:
    """What the job started from, in the order of ``Request.inputs``."""
    params, inputs = job.request.params, job.request.inputs
    own = {Task.IMG2IMG: 1, Task.INPAINT: 2}.get(params.task, 0)
    looked_at = own + params.references
    return Inputs(
        picture=inputs[0] if own and inputs else None,
        mask=inputs[1] if own == 2 and len(inputs) > 1 else None,
        references=inputs[own:looked_at],
        controls=inputs[looked_at:][: len(params.controls)],
    )


def again(job: Job, draft: Draft) -> Order:
    """The order for that draft, with all the stored pictures that the job had."""
    inputs = inputs_of(job)
    return Order(
        draft=draft,
        picture=inputs.picture,
        mask=inputs.mask,
        references=inputs.references,
        controls=inputs.controls,
        instructs=job.request.params.task is Task.EDIT,
        parent=job.id,
    )


def errand_from(job: Job) -> Errand:
    """The errand that leads to the same job of a tool again. Raises ``PictureGone``."""
    params, inputs = job.request.params, job.request.inputs
    if not inputs:
        raise PictureGone(detail=f"job={job.id} has no input")
    return Errand(
        task=params.task,
        picture=inputs[0],
        tool=params.model,
        size=params.final_size,
        parent=job.id,
    )


def draft_of(options: Draft) -> Draft:
    """A command's options with the flags of its prompt. Raises ``InvalidParams``."""
    return merge(options, parse_flags(options.prompt))


def draft_from(params: Params) -> Draft:
    """The draft that leads to the same parameters again, seed included."""
    has_mask = params.task is Task.INPAINT
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
        strength=params.strength if params.task in {Task.IMG2IMG, Task.INPAINT} else None,
        loras=params.loras,
        eta=params.eta or None,
        clip_skip=params.clip_skip,
        exact=params.exact or None,
        mask_blur=params.mask_blur if has_mask else None,
        padding=params.padding if has_mask else None,
        hires=params.hires if params.hires > 1 else None,
        hires_strength=params.hires_strength if params.hires > 1 else None,
        subseed=params.subseed if params.subseed_strength else None,
        subseed_strength=params.subseed_strength or None,
        reference_weight=params.reference_weight if params.references else None,
        options=params.options,
        controls=params.controls,
        tiling=params.tiling or None,
    )


def anew(draft: Draft) -> Draft:
    """The draft with a seed still to be drawn; of a variation, that of the variation."""
    if draft.subseed_strength is not None:
        return replace(draft, subseed=None)
    return replace(draft, seed=None)


def to_enlarge(draft: Draft, seed: int | None) -> Draft:
    """The draft for one picture made larger: drawn over lightly, in its own shape."""
    whole = from_whole(draft)
    return replace(whole, width=None, height=None, seed=seed, count=1, strength=STRENGTH)


def from_whole(draft: Draft) -> Draft:
    """The draft for going on from a whole result, however that was put together.

    One that was made by redrawing a part of a picture gives its shape.
    """
    plain = replace(
        draft,
        mask_blur=None,
        padding=None,
        hires=None,
        hires_strength=None,
        subseed=None,
        subseed_strength=None,
        reference_weight=None,
    )
    return plain if draft.mask_blur is None else replace(plain, width=None, height=None)
