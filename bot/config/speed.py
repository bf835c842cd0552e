"""Reads ``[backends.models.speed]``: what is done to make one model faster."""

from __future__ import annotations

from bot.config.section import Section
from generation.worker.settings import Speed

COMPILING = ("auto", "on", "off")
SWITCH = ("auto", "on", "off")
ATTENTION = ("native", "cudnn", "flash", "flash-3", "sage", "xformers")
WEIGHTS = ("off", "fp8", "int8")
CACHES = ("off", "first-block", "taylorseer")


def read_speed(section: Section) -> Speed:
    """The section's values, each with its own default."""
    usual = Speed()
    speed = Speed(
        compile=section.choice("compile", COMPILING, default=None) or usual.compile,
        attention=section.mapped("attention", _attention) or usual.attention,
        channels_last=section.choice("channels_last", SWITCH, default=None) or usual.channels_last,
        fuse_qkv=section.flag("fuse_qkv", default=usual.fuse_qkv),
        tf32=section.choice("tf32", SWITCH, default=None) or usual.tf32,
        quantise=section.choice("quantise", WEIGHTS, default=None) or usual.quantise,
        cache=section.choice("cache", CACHES, default=None) or usual.cache,
        cache_threshold=section.optional_number(
            "cache_threshold", lowest=0.001, highest=1, example=0.05
        ),
        vae_tiles_above=section.optional_whole(
            "vae_tiles_above", lowest=256, highest=8192, example=1536
        ),
    )
    _check_together(section, speed)
    return speed


def _check_together(section: Section, speed: Speed) -> None:
    if speed.quantise != "off" and speed.compile == "off":
        section.problem(
            "quantise",
            "quantised weights make a model slower, not faster, unless it is compiled",
            'Write compile = "auto", or quantise = "off"',
        )
    if speed.quantise != "off" and speed.fuse_qkv:
        section.problem(
            "fuse_qkv",
            "what is fused is a copy that stays beside the quantised weights",
            "Take out fuse_qkv, or quantise",
        )
    if speed.cache_threshold is not None and speed.cache != "first-block":
        section.problem(
            "cache_threshold",
            "only one of the caches has a threshold",
            'Write cache = "first-block", or take the line out',
        )


def _attention(value: str) -> str:
    name = value.lower()
    if name.replace("-", "_").endswith("_hub"):
        what = f'"{value}" would be fetched from the Hugging Face Hub, which the worker never asks'
        instead = 'Write attention = "native", or install a kernel here: pip install flash-attn'
        raise ValueError(what, f'{instead}, and then attention = "flash"')
    if name not in ATTENTION:
        raise ValueError(f'"{value}" is not one of the choices', f"Write {', '.join(ATTENTION)}")
    return name
