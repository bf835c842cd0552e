"""Reads ``[[backends.models]]``: where each model of a local backend is, and its defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from bot.config.controls import read_controls
from bot.config.model import DEMO_MODEL, ModelConfig
from bot.config.section import Section
from bot.config.speed import read_speed
from generation.hub import snapshot_folder
from generation.worker.settings import Speed

WEIGHTS = ".safetensors"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}")
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REVISION = re.compile(r"[0-9a-f]{40}")
_FILE = re.compile(r"[\w.-]+(/[\w.-]+)*\.safetensors")


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """``base`` is where relative paths start, ``hub`` where downloads from the Hub are kept."""

    base: Path
    hub: Path


def read_models(
    section: Section, parts: tuple[Section, ...], places: Places, read: list[Section]
) -> tuple[ModelConfig, ...]:
    """The models; the sections within theirs are added to ``read``."""
    models: list[ModelConfig] = []
    if not parts:
        section.problem("models", "the list is empty", "Name a model, or take the line out")
    for part in parts:
        speed, controls = part.section("speed"), part.section("controls")
        read += [speed, controls]
        own = read_controls(controls, places.base)
        model = replace(_model(part, places, read_speed(speed)), controls=own)
        if any(model.name and model.name == other.name for other in models):
            part.problem("name", f'two models are named "{model.name}"', "Give one another name")
        models.append(model)
    return tuple(models)


def _model(section: Section, places: Places, speed: Speed) -> ModelConfig:
    name = section.mapped("name", read_name)
    if name is None and "name" not in section:
        section.problem("name", "the model's name is missing", 'Write name = "my-model"')
    repo, revision, file = _pinned(section)
    path = _path(section, "path", places.base)
    parts = _path(section, "parts", places.base)
    if repo is not None and revision is not None:
        path = snapshot_folder(places.hub, repo, revision) / (file or "")
        _check_parts(section, parts)
    else:
        _check_named(section, name, path)
        _check_place(section, path, parts)
    adapter, encoder = _ip_adapter(section, places.base)
    return ModelConfig(
        name=name or "",
        path=path,
        parts=parts,
        repo=repo,
        revision=revision,
        file=file,
        licence=section.text("licence"),
        triggers=section.texts("triggers") or None,
        title=section.text("title"),
        width=_side(section, "width"),
        height=_side(section, "height"),
        max_side=section.optional_whole("max_side", lowest=64, highest=8192, example=2048),
        steps=section.optional_whole("steps", lowest=1, highest=150, example=25),
        guidance_scale=section.optional_number("guidance_scale", lowest=0, highest=30, example=7),
        strength=section.optional_number("strength", lowest=0.01, highest=1, example=0.6),
        sampler=section.text("sampler"),
        scheduler=section.text("scheduler"),
        clip_skip=section.optional_whole("clip_skip", lowest=1, highest=12, example=2),
        taesd=_tiny_decoder(section, places.base),
        ip_adapter=adapter,
        image_encoder=encoder,
        speed=speed,
    )


def _tiny_decoder(section: Section, base: Path) -> Path | None:
    folder = _path(section, "taesd", base)
    if folder is not None and not (folder / "config.json").is_file():
        section.problem(
            "taesd",
            f"{folder} is no folder of a tiny decoder: it holds no config.json",
            "Name a folder in the diffusers format, such as one of madebyollin's TAESD",
        )
    return folder


def _ip_adapter(section: Section, base: Path) -> tuple[Path | None, Path | None]:
    """The adapter's file and the folder of its encoder: both or neither."""
    adapter, encoder = _path(section, "ip_adapter", base), _path(section, "image_encoder", base)
    if (adapter is None) != (encoder is None):
        missing = "ip_adapter" if adapter is None else "image_encoder"
        section.problem(
            missing, "ip_adapter and image_encoder go together", "Name both, or take both out"
        )
        return None, None
    if adapter is not None and not (adapter.suffix == ".safetensors" and adapter.is_file()):
        section.problem(
            "ip_adapter",
            f"{adapter} is no safetensors file",
            "Name a file such as ip-adapter_sd15.safetensors",
        )
    if encoder is not None and not (encoder / "config.json").is_file():
        section.problem(
            "image_encoder",
            f"{encoder} is no folder of an image encoder: it holds no config.json",
            "Name the folder image_encoder that is published with the adapter",
        )
    return adapter, encoder


def _path(section: Section, key: str, base: Path) -> Path | None:
    written = section.text(key)
    return None if written is None else base / Path(written).expanduser()


def _pinned(section: Section) -> tuple[str | None, str | None, str | None]:
    """Repository, commit and file of a model of the Hub."""
    repo = section.mapped("repo", _repo)
    revision = section.mapped("revision", _revision)
    file = section.mapped("file", _file)
    if "repo" in section and "path" in section:
        section.problem("path", "path and repo are both given", "Keep the one you want to use")
    if repo is not None and "revision" not in section:
        section.problem("revision", "the repository may change under its name", _how_to_pin(repo))
    if "repo" not in section and ("revision" in section or "file" in section):
        section.problem("repo", "the repository is missing", 'Write repo = "owner/name"')
    return repo, revision, file


def _how_to_pin(repo: str) -> str:
    return (
        f"Open https://huggingface.co/{repo}/commits/main, copy the newest commit, and write "
        'revision = "…" with all of its 40 digits'
    )


def _check_named(section: Section, name: str | None, path: Path | None) -> None:
    is_somewhere = path is not None or "path" in section or "repo" in section
    if not is_somewhere and name not in {None, DEMO_MODEL}:
        section.problem(
            "path",
            f'the folder of "{name}" is missing; only "{DEMO_MODEL}" comes with Easel',
            'Write path = "models/my-model", a folder in the diffusers format',
        )


def _check_place(section: Section, path: Path | None, parts: Path | None) -> None:
    """A model is a folder in the diffusers format, or a single file."""
    is_file = path is not None and path.is_file()
    if path is not None and is_file and path.suffix != WEIGHTS:
        section.problem(
            "path",
            f"{path.name} could run code when it is read",
            f"Take the model as a {WEIGHTS} file, or as a folder in the diffusers format",
        )
    if path is not None and not is_file and not _is_model_folder(path):
        section.problem(
            "path",
            f"{path} is not a model folder: it holds no model_index.json",
            f"Name a folder in the diffusers format, or a {WEIGHTS} file",
        )
    _check_parts(section, parts)


def _check_parts(section: Section, parts: Path | None) -> None:
    if parts is not None and not _is_model_folder(parts):
        section.problem(
            "parts",
            f"{parts} is not a model folder: it holds no model_index.json",
            "Name a folder in the diffusers format",
        )


def _is_model_folder(path: Path) -> bool:
    return (path / "model_index.json").is_file()


def _side(section: Section, key: str) -> int | None:
    side = section.optional_whole(key, lowest=64, highest=4096, example=512)
    if side is not None and side % 8:
        near = round(side / 8) * 8
        section.problem(key, f"{side} is not a multiple of 8", f"Write {key} = {near}")
    return side


def read_name(value: str) -> str:
    """The name of a model or a backend. Raises ``ValueError`` for what cannot be one."""
    if not _NAME.fullmatch(value):
        what = f'"{value}" cannot be a name'
        instead = "Use up to 60 letters, digits, spaces, dots, dashes and underscores"
        raise ValueError(what, instead)
    return value


def _repo(value: str) -> str:
    if not _REPO.fullmatch(value):
        what = f'"{value}" is not a repository'
        raise ValueError(what, 'Write repo = "owner/name", as in its address on huggingface.co')
    return value


def _revision(value: str) -> str:
    if not _REVISION.fullmatch(value):
        what = f'"{value}" may mean other files tomorrow'
        instead = (
            "Write the commit, 40 digits from 0 to f: the model's page → Files and versions → "
            "History shows them, and copies one at a click"
        )
        raise ValueError(what, instead)
    return value


def _file(value: str) -> str:
    if not _FILE.fullmatch(value) or ".." in value:
        what = f'"{value}" is not the name of a {WEIGHTS} file in a repository'
        raise ValueError(what, f'Write file = "model{WEIGHTS}", or take the line out')
    return value
