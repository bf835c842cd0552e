"""A job as the requests that a web UI takes: every field with its reason in docs/backends.md."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from generation.backends.a1111 import own_options
from generation.backends.a1111.dialects import Batching, Kind, LoraWay
from generation.backends.a1111.listing import Listing
from generation.backends.base import Work
from generation.errors import Rejected, Unavailable
from generation.images import cut_patch
from generation.types import Params, Task

OWNED = frozenset(
    {
        "prompt",
        "negative_prompt",
        "seed",
        "subseed",
        "subseed_strength",
        "batch_size",
        "n_iter",
        "width",
        "height",
        "init_images",
        "mask",
        "latent_mask",
        "firstpass_image",
        "include_init_images",
        "send_images",
        "save_images",
        "force_task_id",
        "infotext",
        "override_settings_restore_afterwards",
    }
)
"""Fields that only Easel may set: with others the pictures would not be those of the job."""

_KEPT_SETTINGS = ("sd_vae", "forge_additional_modules")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request: where it goes, what it says, and which of the job's seeds it draws."""

    path: str
    body: Mapping[str, object] = field(repr=False)
    seeds: tuple[int, ...]
    size: tuple[int, int]


def calls(
    work: Work,
    listing: Listing,
    *,
    task_id: str,
    together: int = 1,
    extra: Mapping[str, object] | None = None,
) -> list[Call]:
    """The requests that make the job's pictures, in order. Blocks while a mask is cut.

    ``together`` is how many pictures may be drawn in one batch; ``extra`` are fields of the
    operator's own, below ours. Raises ``Rejected`` for what this kind of server cannot do, and
    ``Unavailable`` for what it does not have any more.
    """
    common = _common(work, listing)
    _merge(common, extra or {})
    made = []
    for number, seeds in enumerate(_runs(work.params, listing)):
        body = common | _seeds(work.params, seeds) | _batch(listing, len(seeds), together)
        if listing.dialect.has_tasks:
            body["force_task_id"] = f"task({task_id}-{number})"
        path = "sdapi/v1/txt2img" if work.params.task is Task.TXT2IMG else "sdapi/v1/img2img"
        made.append(Call(path=path, body=body, seeds=seeds, size=_size(work.params)))
    return made


def _common(work: Work, listing: Listing) -> dict[str, object]:
    params = work.params
    body: dict[str, object] = {
        "prompt": _prompt(params, listing),
        "negative_prompt": params.negative_prompt,
        "width": params.width,
        "height": params.height,
        "steps": params.steps,
        "cfg_scale": params.guidance_scale,
        "send_images": True,
        "save_images": False,
        "do_not_save_samples": True,
        "do_not_save_grid": True,
    }
    if listing.samplers:
        body["sampler_name"] = _known(listing.samplers, params.sampler, "sampler")
    if listing.schedulers:
        body["scheduler"] = _known(listing.schedulers, params.scheduler, "scheduler")
    if params.eta:
        body["eta"] = params.eta  # a zero would be a setting too: it makes Euler a plain Euler
    if params.tiling:
        body["tiling"] = True
    body |= _overrides(params, listing) | _second_pass(params, listing) | _pictures(work, listing)
    _own(body, params, listing)
    body |= _loras(params, listing)
    if scripts := _scripts(work, listing):
        body["alwayson_scripts"] = scripts
    return body


def _prompt(params: Params, listing: Listing) -> str:
    tags = []
    if listing.dialect.loras is LoraWay.TAG:
        tags = [f"<lora:{lora.name}:{lora.weight:g}>" for lora in params.loras]
    options = own_options.chosen(params)
    if name := options.get("hypernetwork"):
        tags.append(f"<hypernet:{name}:{options.get('hypernetwork_weight', 1.0):g}>")
    return " ".join([params.prompt, *tags]).strip()


def _loras(params: Params, listing: Listing) -> dict[str, object]:
    if listing.dialect.loras is not LoraWay.FIELD or not params.loras:
        return {}
    return {
        "lora": [
            {
                "path": _known(listing.lora_paths, lora.name, "LoRA"),
                "multiplier": lora.weight,
            }
            for lora in params.loras
        ]
    }


def _overrides(params: Params, listing: Listing) -> dict[str, object]:
    """The whole set of settings that the picture depends on, in every request.

    A server without a settings file keeps what an earlier request has set; one that does not know
    a setting fails.
    """
    if not listing.dialect.has_overrides:
        return {}
    checkpoint = listing.checkpoint(params.model)
    if checkpoint is None:
        raise Unavailable(detail=f"there is no checkpoint {params.model!r} any more")
    settings: dict[str, object] = {"sd_model_checkpoint": checkpoint.name}
    body: dict[str, object] = {}
    if "CLIP_stop_at_last_layers" in listing.settings:
        settings["CLIP_stop_at_last_layers"] = params.clip_skip
    elif listing.dialect.kind is Kind.SDNEXT:
        body["clip_skip"] = params.clip_skip
    for name in _KEPT_SETTINGS:
        if listing.settings.get(name) is not None:
            settings[name] = listing.settings[name]
    return body | {
        "override_settings": settings,
        "override_settings_restore_afterwards": True,
    }


def _second_pass(params: Params, listing: Listing) -> dict[str, object]:
    """The picture enlarged and drawn over. Without a strength AUTOMATIC1111 fails."""
    if params.hires <= 1:
        return {}
    if not listing.dialect.has_hires:
        raise Rejected(f"{listing.dialect.kind} has no second pass; please leave out --hires.")
    width, height = params.final_size
    strength = "denoising_strength"
    body: dict[str, object] = {"enable_hr": True, "hr_resize_x": width, "hr_resize_y": height}
    if listing.dialect.kind is Kind.SDNEXT:
        strength = "hr_denoising_strength"
        body["hr_force"] = True  # otherwise it only enlarges
    if listing.dialect.kind is Kind.FORGE:
        body["hr_additional_modules"] = ["Use same choices"]  # it fails on its own default
        body["hr_cfg"] = params.guidance_scale
    body["hr_upscaler"] = hires_upscaler(params, listing)
    return body | {strength: params.hires_strength}


def hires_upscaler(params: Params, listing: Listing) -> str:
    """What enlarges between the passes: the choice, else Lanczos, else what there is."""
    chosen = own_options.chosen(params).get("hires_upscaler")
    if isinstance(chosen, str):
        return chosen
    names = (*listing.upscalers, *listing.latent_upscalers)
    return next((name for name in names if "Lanczos" in name), names[0] if names else "Latent")


def _pictures(work: Work, listing: Listing) -> dict[str, object]:
    params = work.params
    if params.task is Task.IMG2IMG and work.image is not None:
        return {"init_images": [_encoded(work.image)], "denoising_strength": params.strength}
    if params.task is not Task.INPAINT or work.image is None or work.mask is None:
        return {}
    if not listing.dialect.has_masks:
        raise Rejected(f"{listing.dialect.kind} cannot redraw a part of a picture.")
    start, mask = cut_patch(work.image, work.mask, params)
    fill = own_options.chosen(params).get("masked_content", "original")
    return {
        "init_images": [_encoded(start)],
        "denoising_strength": params.strength,
        "mask": _encoded(mask),
        # We cut the part out and put it back by ourselves, softened: so it is the same everywhere.
        "mask_blur": 0,
        "mask_round": False,
        "inpaint_full_res": False,
        "inpainting_mask_invert": 0,
        "inpainting_fill": own_options.FILLS.index(str(fill)),
    }


def _own(body: dict[str, object], params: Params, listing: Listing) -> None:
    """The options that are fields, at their places; and those that need more than that."""
    checkpoints = {"refiner_checkpoint", "hr_checkpoint_name"}
    for path, value in own_options.placed(params, listing):
        _put(body, path, value)
        if path[-1] in checkpoints and listing.checkpoint(str(value)) is None:
            raise Unavailable(detail=f"there is no checkpoint {value!r} any more")
    for key, names in (("hr_sampler_name", listing.samplers), ("hr_scheduler", listing.schedulers)):
        if key in body:
            body[key] = _known(names, str(body[key]), key)
    options = own_options.chosen(params)
    if style := options.get("style"):
        body["styles"] = [style]
    if module := options.get("module"):
        file = _known(listing.modules, str(module), "module")
        _put(body, ("override_settings", "forge_additional_modules"), [file])


def _scripts(work: Work, listing: Listing) -> dict[str, object]:
    scripts: dict[str, object] = {}
    if units := [_unit(work, number, listing) for number in range(len(work.params.controls))]:
        scripts["ControlNet"] = {"args": units}
    options = own_options.chosen(work.params)
    detailer = options.get("detailer")
    if isinstance(detailer, str):
        told = {
            "ad_model": detailer,
            "ad_prompt": options.get("detailer_prompt", ""),
            "ad_denoising_strength": options.get("detailer_strength", 0.4),
        }
        scripts["ADetailer"] = {"args": [True, False, told]}
    return scripts


def _unit(work: Work, number: int, listing: Listing) -> dict[str, object]:
    control = work.params.controls[number]
    kind = next((each for each in listing.controls if each.name == control.kind), None)
    if kind is None or number >= len(work.controls):
        raise Unavailable(detail=f"there is no ControlNet for {control.kind} any more")
    return {
        "enabled": True,
        "image": _encoded(work.controls[number]),
        "module": kind.module if control.prepare else "none",
        "model": kind.model,
        "weight": control.weight,
        "guidance_start": control.start,
        "guidance_end": control.end,
        "resize_mode": "Crop and Resize",
        "control_mode": "Balanced",
        "pixel_perfect": True,
    }


def _runs(params: Params, listing: Listing) -> Iterator[tuple[int, ...]]:
    """The seeds of each request: a server counts on from the first, past our greatest one."""
    alone = listing.dialect.batching is Batching.SINGLE
    run: tuple[int, ...] = ()
    for seed in params.seeds():
        if run and (alone or seed != run[-1] + 1):
            yield run
            run = ()
        run = (*run, seed)
    yield run


def _seeds(params: Params, seeds: tuple[int, ...]) -> dict[str, object]:
    if not params.subseed_strength:
        return {"seed": seeds[0]}
    return {
        "seed": params.seed,
        "subseed": seeds[0],
        "subseed_strength": params.subseed_strength,
    }


def _batch(listing: Listing, count: int, together: int) -> dict[str, object]:
    if listing.dialect.batching is Batching.BATCH:
        return {"batch_size": count, "n_iter": 1}
    size = max(each for each in range(1, count + 1) if count % each == 0 and each <= together)
    return {"batch_size": size, "n_iter": count // size}


def _size(params: Params) -> tuple[int, int]:
    """Width and height of what comes back."""
    return params.final_size if params.hires > 1 else (params.width, params.height)


def _known(names: Mapping[str, str], name: str, what: str) -> str:
    """The server's own name. Where it does not know one it would silently take another."""
    if name not in names:
        raise Unavailable(detail=f"the server has no {what} {name!r} any more")
    return names[name]


def _encoded(png: bytes) -> str:
    return base64.b64encode(png).decode()


def _put(body: dict[str, object], path: tuple[str, ...], value: object) -> None:
    *outer, last = path
    for key in outer:
        inner = body.setdefault(key, {})
        assert isinstance(inner, dict)  # noqa: S101  # our own tables have no other paths
        body = inner
    body[last] = value


def _merge(body: dict[str, object], extra: Mapping[str, object]) -> None:
    """Add the operator's fields, level by level; what the job says itself stays."""
    for key, value in extra.items():
        own = body.get(key)
        if isinstance(own, dict) and isinstance(value, Mapping):
            _merge(own, value)
        elif key not in body:
            body[key] = value
