"""The options that only web UIs know, and the field of the request that each of them becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from generation.backends.a1111.dialects import Kind
from generation.backends.a1111.listing import Listing
from generation.backends.base import OptionInfo, OptionKind
from generation.types import OptionValue, Params, Task

_FROM_PROMPT = frozenset({Task.TXT2IMG})
_FROM_PICTURE = frozenset({Task.IMG2IMG, Task.INPAINT})
_MASKED = frozenset({Task.INPAINT})
_DRAWING = frozenset({Task.TXT2IMG, Task.IMG2IMG, Task.INPAINT})

FILLS = ("fill", "original", "latent noise", "latent nothing")
"""What inpainting starts from under the mask, in the order of ``inpainting_fill``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """An option and the path of its field in the request's body.

    An empty path means that ``generation.backends.a1111.payload`` knows what to make of it.
    """

    option: OptionInfo
    path: tuple[str, ...] = ()


def offered(listing: Listing) -> tuple[OptionInfo, ...]:
    """The options that have an effect on that server."""
    return tuple(field.option for field in fields(listing))


def placed(params: Params, listing: Listing) -> Iterator[tuple[tuple[str, ...], OptionValue]]:
    """The path and value of each option that is set and is a field of its own."""
    paths = {field.option.name: field.path for field in fields(listing)}
    for setting in params.options:
        if path := paths.get(setting.name):
            yield path, setting.value


def chosen(params: Params) -> Mapping[str, OptionValue]:
    """What is set, by name."""
    return {setting.name: setting.value for setting in params.options}


def fields(listing: Listing) -> Iterator[Field]:
    """Every option that has an effect on that server, with the place of its field."""
    dialect = listing.dialect
    if dialect.kind in {Kind.SDCPP, Kind.KOBOLD, Kind.OTHER}:
        return  # they take the payload, and leave these fields unread
    yield from _networks(listing)
    yield from _faces(listing)
    yield from _hires(listing)
    yield from _masked()
    if dialect.kind is not Kind.SDNEXT:
        yield from _noise()
        yield from _refiner(listing)
    if dialect.kind is Kind.FORGE:
        yield from _forge(listing)


def _networks(listing: Listing) -> Iterator[Field]:
    yield from _choice("style", "Style", listing.styles, default="none")
    yield from _choice("vae", "VAE", ("Automatic", *listing.vaes), "override_settings", "sd_vae")
    yield from _choice("hypernetwork", "Hypernetwork", listing.hypernetworks)
    if listing.hypernetworks:
        yield _number("hypernetwork_weight", "Hypernetwork weight", 0, 2, default=1.0)


def _faces(listing: Listing) -> Iterator[Field]:
    if listing.face_restorers and listing.dialect.kind is not Kind.SDNEXT:
        yield _switch("restore_faces", "Restore faces", "restore_faces")
        yield from _choice(
            "face_restorer",
            "Face restorer",
            listing.face_restorers,
            *("override_settings", "face_restoration_model"),
        )
    if listing.detailers and "adetailer" in listing.scripts:
        yield from _choice("detailer", "ADetailer model", listing.detailers, default="none")
        yield _text("detailer_prompt", "ADetailer prompt")
        yield _number("detailer_strength", "ADetailer strength", 0, 1, default=0.4)
    elif listing.dialect.kind is Kind.SDNEXT:
        yield _switch("detailer", "Detailer", "detailer_enabled")


def _hires(listing: Listing) -> Iterator[Field]:
    upscalers = (*listing.latent_upscalers, *listing.upscalers)
    yield from _choice("hires_upscaler", "Hires upscaler", upscalers, tasks=_FROM_PROMPT)
    yield _whole(
        "hires_steps", "Hires steps", 0, 150, listing.dialect.second_steps, tasks=_FROM_PROMPT
    )
    if listing.dialect.kind is Kind.SDNEXT:
        return
    names = tuple(each.name for each in listing.checkpoints)
    samplers = tuple(listing.samplers)
    schedules = tuple(listing.schedulers)
    for name, title, choices, key in (
        ("hires_checkpoint", "Hires checkpoint", names, "hr_checkpoint_name"),
        ("hires_sampler", "Hires sampler", samplers, "hr_sampler_name"),
        ("hires_scheduler", "Hires schedule", schedules, "hr_scheduler"),
    ):
        yield from _choice(name, title, choices, key, tasks=_FROM_PROMPT)
    yield _text("hires_prompt", "Hires prompt", "hr_prompt", tasks=_FROM_PROMPT)
    yield _text(
        "hires_negative_prompt", "Hires negative prompt", "hr_negative_prompt", tasks=_FROM_PROMPT
    )


def _masked() -> Iterator[Field]:
    yield from _choice("masked_content", "Masked content", FILLS, tasks=_MASKED, default="original")
    yield _number(
        "noise_multiplier",
        "Noise multiplier",
        0,
        1.5,
        "initial_noise_multiplier",
        tasks=_FROM_PICTURE,
    )


def _noise() -> Iterator[Field]:
    yield _whole("seed_resize_width", "Resize seed from width", 0, 2048, "seed_resize_from_w")
    yield _whole("seed_resize_height", "Resize seed from height", 0, 2048, "seed_resize_from_h")
    yield _number("s_churn", "Sigma churn", 0, 100, "s_churn")
    yield _number("s_tmin", "Sigma tmin", 0, 10, "s_tmin")
    yield _number("s_tmax", "Sigma tmax", 0, 999, "s_tmax")
    yield _number("s_noise", "Sigma noise", 0, 1.1, "s_noise")
    yield _number("s_min_uncond", "Negative guidance minimum sigma", 0, 15, "s_min_uncond")
    yield _whole(
        "ensd", "Eta noise seed delta", 0, 2**31, "override_settings", "eta_noise_seed_delta"
    )
    yield _number(
        "image_guidance",
        "Image CFG (InstructPix2Pix)",
        0,
        3,
        "image_cfg_scale",
        tasks=_FROM_PICTURE,
    )


def _refiner(listing: Listing) -> Iterator[Field]:
    names = tuple(each.name for each in listing.checkpoints)
    if len(names) > 1:
        yield from _choice("refiner", "Refiner", names, "refiner_checkpoint", default="none")
        yield _number("refiner_switch_at", "Refiner switch point", 0.01, 1, "refiner_switch_at")


def _forge(listing: Listing) -> Iterator[Field]:
    yield _number("distilled_guidance", "Distilled CFG", 0, 30, "distilled_cfg_scale", default=3.5)
    yield from _choice("module", "VAE or text encoder", tuple(listing.modules))


def _choice(
    name: str,
    title: str,
    choices: tuple[str, ...],
    *path: str,
    tasks: frozenset[Task] = _DRAWING,
    default: str | None = None,
) -> Iterator[Field]:
    """A choice, where there is anything to choose from."""
    if len(choices) > int("Automatic" in choices[:1]):
        default = default if default in choices else None
        yield Field(
            option=OptionInfo(
                name=name,
                title=title,
                kind=OptionKind.CHOICE,
                choices=choices,
                default=default,
                tasks=tasks,
            ),
            path=path,
        )


def _switch(name: str, title: str, *path: str) -> Field:
    return Field(
        option=OptionInfo(name=name, title=title, kind=OptionKind.SWITCH, tasks=_DRAWING),
        path=path,
    )


def _text(name: str, title: str, *path: str, tasks: frozenset[Task] = _DRAWING) -> Field:
    return Field(
        option=OptionInfo(name=name, title=title, kind=OptionKind.TEXT, tasks=tasks), path=path
    )


def _number(
    name: str,
    title: str,
    lowest: float,
    highest: float,
    *path: str,
    tasks: frozenset[Task] = _DRAWING,
    default: float | None = None,
    kind: OptionKind = OptionKind.NUMBER,
) -> Field:
    return Field(
        option=OptionInfo(
            name=name,
            title=title,
            kind=kind,
            lowest=lowest,
            highest=highest,
            default=default,
            tasks=tasks,
        ),
        path=path,
    )


def _whole(
    name: str,
    title: str,
    lowest: int,
    highest: int,
    *path: str,
    tasks: frozenset[Task] = _DRAWING,
) -> Field:
    return _number(name, title, lowest, highest, *path, tasks=tasks, kind=OptionKind.WHOLE)
