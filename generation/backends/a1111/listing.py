"""What a web UI has: checkpoints, samplers, networks, styles and scripts, read from its lists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import TypeVar

from generation.backends.a1111.dialects import Dialect, Kind, ask
from generation.backends.base import LoraInfo
from generation.backends.remote import values
from generation.backends.remote.wire import Wire
from generation.controls import control_kind, kinds_named_in
from generation.errors import BadReply
from generation.infotext import read_sampler

_MOST = 4000  # of anything in a list
_LONGEST_NAME = 200
_NOTHING = "None"
_NO_MODULE = "none"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A model file. ``name`` is what members choose it by; ``spellings`` are its other names."""

    name: str
    title: str
    hash: str
    spellings: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlType:
    """A kind of ControlNet, with its model there and the module that finds its lines."""

    name: str
    title: str
    model: str
    module: str

    @property
    def prepares(self) -> bool:
        """Whether there is such a module."""
        return self.module != _NO_MODULE


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Everything that can be asked for, by the server's own names.

    ``samplers`` and ``schedulers`` map the names that members see to the server's. ``settings`` are
    the owner's own choices. Lists that a server does not have are empty.
    """

    dialect: Dialect
    checkpoints: tuple[Checkpoint, ...]
    samplers: Mapping[str, str]
    schedulers: Mapping[str, str]
    upscalers: tuple[str, ...] = ()
    latent_upscalers: tuple[str, ...] = ()
    vaes: tuple[str, ...] = ()
    modules: Mapping[str, str] = field(default_factory=dict)
    loras: tuple[LoraInfo, ...] = ()
    lora_paths: Mapping[str, str] = field(default_factory=dict)
    embeddings: tuple[str, ...] = ()
    hypernetworks: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    face_restorers: tuple[str, ...] = ()
    scripts: frozenset[str] = frozenset()
    controls: tuple[ControlType, ...] = ()
    detailers: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def resident(self) -> str | None:
        """The checkpoint that is loaded, by its name here."""
        written = values.field_text(dict(self.settings), "sd_model_checkpoint")
        for checkpoint in self.checkpoints:
            if written in checkpoint.spellings:
                return checkpoint.name
        return None

    def checkpoint(self, name: str) -> Checkpoint | None:
        """The checkpoint that members call so."""
        return next((each for each in self.checkpoints if each.name == name), None)


async def read_listing(wire: Wire, dialect: Dialect) -> Listing:
    """Ask for every list. One that is missing or broken is empty; the models must be there.

    Raises ``BackendError``.
    """
    answers = dict(
        zip(_PATHS, await asyncio.gather(*(ask(wire, path) for path in _PATHS)), strict=True)
    )

    def listed(path: str, read: Callable[[object], T], nothing: T) -> T:
        try:
            return read(answers[path])
        except BadReply:
            return nothing

    loras = listed("sdapi/v1/loras", _rows, list[dict[str, object]]())
    settings = listed("sdapi/v1/options", _settings, dict[str, object]())
    return Listing(
        dialect=dialect,
        checkpoints=_only(settings)
        if dialect.kind is Kind.OTHER
        else _checkpoints(answers["sdapi/v1/sd-models"]),
        samplers=listed("sdapi/v1/samplers", _samplers, {}),
        schedulers=listed("sdapi/v1/schedulers", _schedulers, {}),
        upscalers=listed("sdapi/v1/upscalers", _names, ()),
        latent_upscalers=listed("sdapi/v1/latent-upscale-modes", _names, ()),
        vaes=listed("sdapi/v1/sd-vae", _model_names, ()),
        modules=listed("sdapi/v1/sd-modules", _modules, {}),
        loras=_loras(loras),
        lora_paths={
            values.field_text(row, "name"): values.field_text(row, "path") for row in loras
        },
        embeddings=listed("sdapi/v1/embeddings", _embeddings, ()),
        hypernetworks=listed("sdapi/v1/hypernetworks", _names, ()),
        styles=listed("sdapi/v1/prompt-styles", _styles, ()),
        face_restorers=listed("sdapi/v1/face-restorers", _names, ()),
        scripts=listed("sdapi/v1/scripts", _scripts, frozenset()),
        controls=listed("controlnet/control_types", _controls, ()),
        detailers=listed("adetailer/v1/ad_model", _detailers, ()),
        settings=settings,
    )


_PATHS = (
    "sdapi/v1/sd-models",
    "sdapi/v1/samplers",
    "sdapi/v1/schedulers",
    "sdapi/v1/upscalers",
    "sdapi/v1/latent-upscale-modes",
    "sdapi/v1/sd-vae",
    "sdapi/v1/sd-modules",
    "sdapi/v1/loras",
    "sdapi/v1/embeddings",
    "sdapi/v1/hypernetworks",
    "sdapi/v1/prompt-styles",
    "sdapi/v1/face-restorers",
    "sdapi/v1/scripts",
    "controlnet/control_types",
    "adetailer/v1/ad_model",
    "sdapi/v1/options",
)


def _rows(answer: object) -> list[dict[str, object]]:
    return list(values.mappings(answer, "list"))[:_MOST]


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if _is_usable(name) and name != _NOTHING))


def _is_usable(name: str) -> bool:
    """Whether people can be shown the name, and choose by it."""
    return name.isprintable() and 0 < len(name) <= _LONGEST_NAME


def _names(answer: object) -> tuple[str, ...]:
    return _unique(values.field_text(row, "name") for row in _rows(answer))


def _model_names(answer: object) -> tuple[str, ...]:
    return _unique(values.field_text(row, "model_name") for row in _rows(answer))


def _checkpoints(answer: object) -> tuple[Checkpoint, ...]:
    found: dict[str, Checkpoint] = {}
    for row in _rows(answer):
        title = values.field_text(row, "title")
        name = values.field_text(row, "model_name") or title
        if not _is_usable(name):
            continue
        file = _file_name(values.field_text(row, "filename"))
        short = values.field_text(row, "hash")
        spellings = {name, title, title.removesuffix(f" [{short}]"), file, _stem(file)} - {""}
        found.setdefault(
            name,
            Checkpoint(name=name, title=title, hash=short, spellings=frozenset(spellings)),
        )
    return tuple(found.values())


def _only(settings: Mapping[str, object]) -> tuple[Checkpoint, ...]:
    """The loaded model of a server that lists none."""
    told = values.field_text(dict(settings), "sd_model_checkpoint")
    name = told or values.field_text(dict(settings), "model") or "default"
    return (Checkpoint(name=name, title=name, hash="", spellings=frozenset({name, told})),)


def _file_name(path: str) -> str:
    """A file's own name, from a path of any system."""
    return PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name


def _stem(file: str) -> str:
    return PurePosixPath(file).stem if file else ""


def _samplers(answer: object) -> dict[str, str]:
    """Every sampler under the name that AUTOMATIC1111 has for it, so that all servers agree."""
    found: dict[str, str] = {}
    for name in _names(answer):
        known = read_sampler(name)
        shown = known.sampler if known.sampler and known.schedule is None else name
        found.setdefault(shown if shown not in found else name, name)
    return found


def _schedulers(answer: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in _rows(answer):
        sent = values.field_text(row, "label") or values.field_text(row, "name")
        shown = read_sampler(None, sent).schedule if sent else None
        if shown:
            found.setdefault("Automatic" if shown == "default" else shown, sent)
    return found


def _modules(answer: object) -> dict[str, str]:
    return {
        name: values.field_text(row, "filename")
        for row in _rows(answer)
        if (name := values.field_text(row, "model_name"))
    }


def _loras(rows: Iterable[dict[str, object]]) -> tuple[LoraInfo, ...]:
    found: dict[str, LoraInfo] = {}
    for row in rows:
        name = values.field_text(row, "name")
        metadata = row.get("metadata")
        told = metadata if isinstance(metadata, dict) else {}
        trigger = values.field_text(told, "modelspec.trigger_phrase")
        if _is_usable(name):
            found.setdefault(
                name,
                LoraInfo(
                    name=name,
                    title=values.field_text(told, "ss_output_name")
                    or values.field_text(row, "alias")
                    or name,
                    triggers=(trigger,) if trigger else (),
                    base=values.field_text(told, "ss_base_model_version"),
                ),
            )
    return tuple(found.values())


def _embeddings(answer: object) -> tuple[str, ...]:
    loaded = values.mapping(answer, "list of embeddings").get("loaded")
    return tuple(values.mapping(loaded, "list of loaded embeddings"))[:_MOST]


def _styles(answer: object) -> tuple[str, ...]:
    """The styles; rows without a text are headings between them."""
    return _unique(
        values.field_text(row, "name")
        for row in _rows(answer)
        if row.get("prompt") or row.get("negative_prompt")
    )


def _scripts(answer: object) -> frozenset[str]:
    lists = values.mapping(answer, "list of scripts")
    both = [
        *values.texts(lists.get("txt2img"), "scripts"),
        *values.texts(lists.get("img2img"), "scripts"),
    ]
    return frozenset(name.casefold() for name in both)


def _controls(answer: object) -> tuple[ControlType, ...]:
    """Those types that have a model there, and that Easel has a name for."""
    types = values.mapping(values.mapping(answer, "answer").get("control_types"), "control types")
    found: dict[str, ControlType] = {}
    for title, told in types.items():
        row = told if isinstance(told, dict) else {}
        model = values.field_text(row, "default_model")
        kinds = kinds_named_in(f"{title} {model}")
        if title != "All" and kinds and model and model != _NOTHING:
            module = values.field_text(row, "default_option") or _NO_MODULE
            kind = control_kind(kinds[0])
            found.setdefault(
                kind.name,
                ControlType(name=kind.name, title=kind.title, model=model, module=module),
            )
    return tuple(found.values())


def _detailers(answer: object) -> tuple[str, ...]:
    return _unique(values.texts(values.mapping(answer, "answer").get("ad_model"), "detectors"))


def _settings(answer: object) -> dict[str, object]:
    return values.mapping(answer, "settings")
