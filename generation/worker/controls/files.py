"""The ControlNets in the operator's folders: what each is given to see, and which models it fits.

A ControlNet is a folder in diffusers' layout. Only ``config.json`` and the headers of its weights
are read; one that cannot be used is a problem in words.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from generation.backends.base import ControlInfo
from generation.controls import CONTROL_NAMES, control_kind, kinds_named_in
from generation.worker.controls.base import Config, Net
from generation.worker.controls.nets import NETS
from generation.worker.headers import BrokenFileError, read_header
from generation.worker.settings import ControlPlace

_WEIGHTS = "*.safetensors"
_PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth")
_CONFIG = "config.json"
_OF_UNIONS = ("canny", "softedge", "depth", "pose")
"""What published ones know that call themselves a union and are not told what they are given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlFile:
    """A usable ControlNet. ``kinds`` are those it can be given, each with its number, if any.

    One made for several kinds is told by that number which of them it sees.
    """

    path: Path
    net: Net
    config: Config = field(repr=False)
    kinds: Mapping[str, int | None]

    @property
    def name(self) -> str:
        """What operators call it."""
        return self.path.name

    @property
    def made_for(self) -> str:
        """The models it was made for, in words."""
        return self.net.made_for(self.config)

    def suits(self, denoiser: Config) -> bool:
        """Whether it was made for models with a denoiser of that config."""
        is_kind = denoiser.get("_class_name") == self.net.denoiser
        return is_kind and self.net.suits(self.config, denoiser)


def find_controls(folders: Sequence[Path]) -> tuple[tuple[ControlFile, ...], tuple[str, ...]]:
    """Every ControlNet in the folders and their subfolders, and the problems met."""
    found: list[ControlFile] = []
    problems: list[str] = []
    for path in _places(folders, problems):
        try:
            found.append(read_control(path))
        except BrokenFileError as error:
            problems.append(f"control {path.name}: {error}")
    return tuple(found), tuple(problems)


def read_named(place: ControlPlace) -> ControlFile:
    """The ControlNet that an operator named for one kind. Raises ``BrokenFileError``."""
    found = _examined(place.path)
    if place.kind in found.kinds:
        return replace(found, kinds={place.kind: found.kinds[place.kind]})
    if any(number is not None for number in found.kinds.values()):
        raise BrokenFileError(f"it knows {', '.join(found.kinds)}, and no {place.kind}")
    return replace(found, kinds={place.kind: None})


def read_control(path: Path) -> ControlFile:
    """The ControlNet in that folder. Raises ``BrokenFileError``, which says what is wrong."""
    found = _examined(path)
    if not found.kinds:
        raise BrokenFileError(
            "nothing says what it is for; put one of these words into its folder's name: "
            f"{', '.join(CONTROL_NAMES)}"
        )
    return found


def offered(files: Iterable[ControlFile], preparing: Iterable[str]) -> tuple[ControlInfo, ...]:
    """The kinds of these, as members choose them. ``preparing`` are those found without help."""
    able = set(preparing)
    there = {name for file in files for name in file.kinds}
    return tuple(
        ControlInfo(name=name, title=control_kind(name).title, prepares=name in able)
        for name in CONTROL_NAMES
        if name in there
    )


def describe(infos: Sequence[ControlInfo]) -> str:
    """A model's ControlNets for its operator, and how to have more of them."""
    if not infos:
        return "no ControlNets; controlnet_folders names folders of them"
    bare = [info.name for info in infos if not info.prepares]
    text = f"ControlNets for {', '.join(info.name for info in infos)}"
    if bare:
        text += f"; {', '.join(bare)} only from pictures that show it already"
    if "depth" in bare:
        text += "; with depth_estimator depth is found in any picture"
    return text


def unfitting(files: Iterable[ControlFile], denoisers: Sequence[Config]) -> tuple[str, ...]:
    """A problem for each ControlNet that no model with one of these denoisers can use."""
    return tuple(
        f"control {file.name}: it is made for {file.made_for}; no model here fits it"
        for file in files
        if not any(file.suits(denoiser) for denoiser in denoisers)
    )


def _examined(path: Path) -> ControlFile:
    config = _config(path)
    kind = str(config.get("_class_name"))
    net = NETS.get(kind)
    if net is None:
        raise BrokenFileError(f"{kind} is no ControlNet that can be used")
    cause = net.refuses(config)
    if cause is not None:
        raise BrokenFileError(cause)
    titles = _check_weights(path)
    kinds: dict[str, int | None] = {**net.kinds(config)}
    return ControlFile(path=path, net=net, config=config, kinds=kinds or _named(path, titles))


def _named(path: Path, titles: Iterable[str]) -> dict[str, int | None]:
    """The kinds that a folder's name, or else its weights' own notes, speak of."""
    for text in (path.name, *titles):
        if "union" in text.casefold():
            return dict.fromkeys(_OF_UNIONS)
        if names := kinds_named_in(text):
            return dict.fromkeys(names)
    return {}


def _places(folders: Sequence[Path], problems: list[str]) -> Iterator[Path]:
    for place in folders:
        if not place.is_dir():
            problems.append(f"controls: there is no folder {place}")
            continue
        for folder, inner, names in os.walk(place):
            inner.sort()
            if _CONFIG in names:
                yield Path(folder)
                inner.clear()


def _config(path: Path) -> Config:
    if path.is_file():
        raise BrokenFileError(
            "it is a single file; take the ControlNet as a folder in the diffusers format, "
            f"with {_CONFIG} beside its weights"
        )
    try:
        content = json.loads((path / _CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BrokenFileError(f"there is no {_CONFIG} that can be read in {path}") from error
    if not isinstance(content, dict):
        raise BrokenFileError(f"{path / _CONFIG} is not a JSON object")
    return content


def _check_weights(path: Path) -> tuple[str, ...]:
    """The titles in the weights' own notes. Raises ``BrokenFileError`` for what cannot be read."""
    found = sorted(path.glob(_WEIGHTS))
    if not found:
        pickled = [name for form in _PICKLES for name in path.glob(form)]
        if pickled:
            raise BrokenFileError(
                f"{pickled[0].name} could run code when it is read; take the .safetensors file"
            )
        raise BrokenFileError("it has no .safetensors weights")
    headers = [read_header(each) for each in found]
    return tuple(
        title for header in headers if (title := header.metadata.get("modelspec.title")) is not None
    )
