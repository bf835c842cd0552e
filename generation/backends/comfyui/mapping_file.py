"""The small file beside a workflow that names what could not be told from its graph."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from generation.backends.comfyui.graph import Graph, Place, WorkflowError
from generation.backends.comfyui.mapping import MappedOption, Role
from generation.types import Task

_KEYS = ("title", "family", "task", "models", "outputs", "max_side", "inputs", "files", "options")
_TASKS = {
    task.value: task for task in (Task.TXT2IMG, Task.IMG2IMG, Task.INPAINT, Task.EDIT, Task.UPSCALE)
}
"""What a workflow may be for."""
_OPTION_KEYS = ("input", "title")
_OPTION_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, kw_only=True, slots=True)
class MappingFile:
    """What the file says; absent parts are None or empty, and stay as they were guessed.

    ``models`` are patterns of file names that may be put in as the model, those after a ``!``
    excepted. ``files`` are patterns for other inputs, the most wanted first.
    """

    title: str | None = None
    family: str | None = None
    task: Task | None = None
    models: tuple[str, ...] = ()
    outputs: tuple[str, ...] | None = None
    max_side: int | None = None
    roles: Mapping[Role, tuple[Place, ...]] = field(default_factory=dict)
    files: Mapping[Place, tuple[str, ...]] = field(default_factory=dict)
    options: tuple[MappedOption, ...] = ()


def read_mapping(texts: Sequence[str], graph: Graph) -> MappingFile:
    """Take files apart, of which the later ones win. Raises ``WorkflowError`` for a wrong key."""
    document = _merged(texts)
    _require_known("its mapping", document, _KEYS)
    inputs = _table(document, "inputs")
    _require_known("[inputs]", inputs, [role.value for role in Role])
    return MappingFile(
        title=_text(document, "title"),
        family=_text(document, "family"),
        task=_task(document),
        models=_texts(document, "models") or (),
        outputs=_outputs(document, graph),
        max_side=_side(document),
        roles={
            Role(key): tuple(_place(name, graph, f"inputs.{key}") for name in _names(inputs, key))
            for key in inputs
        },
        files={
            _place(key, graph, "files"): _names(files, key)
            for files in (_table(document, "files"),)
            for key in files
        },
        options=tuple(
            _option(name, table, graph) for name, table in _table(document, "options").items()
        ),
    )


def _merged(texts: Sequence[str]) -> dict[str, object]:
    """The documents as one; a section's keys are merged, everything else is replaced."""
    merged: dict[str, object] = {}
    for text in texts:
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise WorkflowError(f"its mapping is not TOML: {error}") from None
        for key, value in document.items():
            before = merged.get(key)
            if isinstance(before, dict) and isinstance(value, dict):
                merged[key] = before | value
            else:
                merged[key] = value
    return merged


def _option(name: str, table: object, graph: Graph) -> MappedOption:
    where = f"options.{name}"
    if not _OPTION_NAME.fullmatch(name):
        raise WorkflowError(f"the option {name} needs a name of small letters, digits and _")
    if not isinstance(table, dict):
        raise WorkflowError(f'[{where}] needs a line such as input = "12.strength"')
    _require_known(f"[{where}]", table, _OPTION_KEYS)
    written = _text(table, "input")
    if written is None:
        raise WorkflowError(f'[{where}] needs a line such as input = "12.strength"')
    place = _place(written, graph, where)
    return MappedOption(name=name, place=place, title=_text(table, "title") or "")


def _place(written: str, graph: Graph, where: str) -> Place:
    """``12.text``: a node by its number or its title, and after the last dot the input."""
    node, dot, name = written.rpartition(".")
    if not dot:
        raise WorkflowError(f'{where} = "{written}" names no input; write it like "6.text"')
    ids = [found.id for found in graph.nodes.values() if node in {found.id, found.title}]
    if len(ids) != 1:
        many = "several nodes have" if ids else "no node has"
        raise WorkflowError(f'{where} = "{written}": {many} the number or title {node}')
    place = Place(node=ids[0], input=name)
    if not graph.has(place):
        near = difflib.get_close_matches(name, graph.nodes[ids[0]].inputs, n=1)
        hint = near[0] if near else ", ".join(graph.nodes[ids[0]].inputs)
        raise WorkflowError(f'{where} = "{written}": node {node} has no such input, but {hint}')
    return place


def _task(document: Mapping[str, object]) -> Task | None:
    written = _text(document, "task")
    if written is None:
        return None
    if written not in _TASKS:
        raise WorkflowError(f'task = "{written}" is none of {", ".join(_TASKS)}')
    return _TASKS[written]


def _outputs(document: Mapping[str, object], graph: Graph) -> tuple[str, ...] | None:
    outputs = _texts(document, "outputs")
    for node in outputs or ():
        if node not in graph.nodes:
            raise WorkflowError(f'outputs: no node has the number "{node}"')
    return outputs


def _side(document: Mapping[str, object]) -> int | None:
    value = document.get("max_side")
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 64 <= value <= 16384:
        return value
    raise WorkflowError("max_side is a number of pixels from 64 to 16384")


def _table(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise WorkflowError(f"{key} must be a section: write [{key}]")
    return value


def _text(document: Mapping[str, object], key: str) -> str | None:
    value = document.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise WorkflowError(f'{key} must be a text in quotes: {key} = "…"')
    return value.strip()


def _texts(document: Mapping[str, object], key: str) -> tuple[str, ...] | None:
    return _names(document, key) if key in document else None


def _names(document: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = document[key]
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise WorkflowError(f'{key} must be a text or a list of texts: {key} = ["…"]')
    return tuple(listed)


def _require_known(where: str, table: Mapping[str, object], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"perhaps {near[0]}" if near else f"known are {', '.join(known)}"
            raise WorkflowError(f"{where} has a key {key} that means nothing; {hint}")
