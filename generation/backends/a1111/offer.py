"""From a web UI's lists to what members are offered."""

from __future__ import annotations

from generation.backends.a1111.dialects import Dialect, Kind, LoraWay
from generation.backends.a1111.guesses import guess
from generation.backends.a1111.listing import Checkpoint, Listing
from generation.backends.a1111.own_options import offered
from generation.backends.base import Capabilities, ControlInfo, ModelInfo, ToolInfo
from generation.types import Task

_DEFAULT_SAMPLERS = ("Euler a", "Euler", "default")
_DEFAULT_SCHEDULER = "Automatic"
_MAX_CLIP_SKIP = 12


def capabilities(listing: Listing) -> Capabilities:
    """Everything it can do; the loaded checkpoint is its first model."""
    loaded = listing.resident
    ordered = sorted(listing.checkpoints, key=lambda each: each.name != loaded)
    return Capabilities(
        models=tuple(_model(each, listing) for each in ordered), tools=tuple(_tools(listing))
    )


def _model(checkpoint: Checkpoint, listing: Listing) -> ModelInfo:
    dialect = listing.dialect
    guessed = guess(checkpoint.name)
    samplers = tuple(listing.samplers) or (_DEFAULT_SAMPLERS[0],)
    schedulers = tuple(listing.schedulers) or (_DEFAULT_SCHEDULER,)
    side = min(guessed.side, dialect.max_side)
    takes_tags = dialect.loras is not LoraWay.NONE
    return ModelInfo(
        name=checkpoint.name,
        title=checkpoint.name,
        width=side,
        height=side,
        steps=min(guessed.steps, dialect.max_steps),
        guidance_scale=guessed.guidance,
        sampler=_first_of((guessed.sampler, *_DEFAULT_SAMPLERS), samplers),
        scheduler=_first_of((guessed.scheduler, _DEFAULT_SCHEDULER), schedulers),
        samplers=samplers,
        schedulers=schedulers,
        tasks=_tasks(dialect),
        loras=listing.loras if takes_tags else (),
        embeddings=listing.embeddings,
        multiple_of=dialect.multiple_of,
        max_side=dialect.max_side,
        max_steps=dialect.max_steps,
        uses_emphasis=True,
        eta_samplers=tuple(name for name in samplers if name.startswith("DDIM")),
        clip_skip=_clip_skip(listing),
        max_clip_skip=_MAX_CLIP_SKIP if dialect.has_overrides else 1,
        uses_subseed=dialect.kind not in {Kind.SDCPP, Kind.KOBOLD, Kind.OTHER},
        controls=tuple(
            ControlInfo(name=each.name, title=each.title, prepares=each.prepares)
            for each in listing.controls
        ),
        uses_tiling=dialect.kind in {Kind.A1111, Kind.SDNEXT},
        options=offered(listing),
    )


def _tools(listing: Listing) -> list[ToolInfo]:
    dialect = listing.dialect
    tools: list[ToolInfo] = []
    if dialect.kind in {Kind.A1111, Kind.FORGE}:
        checkpoints = {each.name for each in listing.checkpoints}
        tools += [
            ToolInfo(name=name, title=name, task=Task.UPSCALE)
            for name in listing.upscalers
            if name not in checkpoints
        ]
        tools.append(ToolInfo(name="clip", title="CLIP interrogator", task=Task.DESCRIBE))
    return tools


def _tasks(dialect: Dialect) -> frozenset[Task]:
    tasks = {Task.TXT2IMG, Task.IMG2IMG}
    return frozenset(tasks | ({Task.INPAINT} if dialect.has_masks else set()))


def _clip_skip(listing: Listing) -> int:
    """The owner's own choice, which members get who say nothing."""
    value = listing.settings.get("CLIP_stop_at_last_layers")
    return value if isinstance(value, int) and 1 <= value <= _MAX_CLIP_SKIP else 1


def _first_of(wished: tuple[str, ...], offered_names: tuple[str, ...]) -> str:
    return next((name for name in wished if name in offered_names), offered_names[0])
