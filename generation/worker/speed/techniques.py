"""Puts the parts of a plan on a freshly loaded pipeline that work at once, without compiling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from diffusers import FirstBlockCacheConfig, TaylorSeerCacheConfig

from generation.worker.memory import is_out_of_memory
from generation.worker.speed.plan import ATTENTION, Place, Plan


def lay_out(base: Any, denoiser: Any, plan: Plan, place: Place) -> tuple[str, ...]:
    """Everything but the cache. Nobody may be using the model. Says what could not be done.

    Raises what the device raises when there is no room.
    """
    problems: list[str] = []
    if place.is_card:
        torch.set_float32_matmul_precision("high" if plan.tf32 else "highest")
        # Convolutions have a switch of their own, which torch leaves on.
        torch.backends.cudnn.allow_tf32 = plan.tf32
    if plan.channels_last:
        for part in (denoiser, base.vae):
            _put_channels_last(part)
    if plan.fuse_qkv:
        problems += _try("fuse_qkv", denoiser.fuse_qkv_projections)
    problems += _set_attention(denoiser, plan)
    return tuple(problems)


def remember_steps(denoiser: Any, plan: Plan) -> tuple[str, ...]:
    """Have the denoiser skip what changes little from step to step. Says why it could not.

    Blocks must have got their regions before: then the decision stays outside the compiled part.
    """
    if plan.cache == "first-block":
        config: Any = FirstBlockCacheConfig()
        if plan.cache_threshold is not None:
            config = FirstBlockCacheConfig(threshold=plan.cache_threshold)
    elif plan.cache == "taylorseer":
        config = TaylorSeerCacheConfig()
    else:
        return ()
    return tuple(_try("cache", lambda: denoiser.enable_cache(config)))


def _put_channels_last(part: torch.nn.Module) -> None:
    """Only where there are convolutions to gain from it: a transformer has next to none."""
    convolutions = [each for each in part.modules() if isinstance(each, torch.nn.Conv2d)]
    if sum(max(each.kernel_size) > 1 for each in convolutions) > 1:
        # Not the part as a whole: torch refuses that where convolutions over time are beside them.
        for each in convolutions:
            each.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _set_attention(denoiser: Any, plan: Plan) -> Iterator[str]:
    """Set, or set back: diffusers keeps the last model's choice for whole process."""
    listens = any(
        hasattr(getattr(module, "processor", None), "_attention_backend")
        for module in denoiser.modules()
    )
    usual = ATTENTION["native"]
    if plan.attention != usual and not listens:
        yield f"attention is left as it is: a {type(denoiser).__name__} knows no other"
    wanted = plan.attention if listens else usual
    failed = _try("attention", lambda: denoiser.set_attention_backend(wanted))
    yield from failed
    if failed:
        denoiser.set_attention_backend(usual)


def _try(key: str, put_on: Any) -> list[str]:
    try:
        put_on()
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return [f"{key} is not used: {str(error).partition(chr(10))[0] or type(error).__name__}"]
    return []
