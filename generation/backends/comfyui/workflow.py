"""Workflows as files: a graph, and mapping files beside it where the graph says too little.

``portraits.json`` is a workflow of the family ``portraits``; ``portraits.inpaint.json`` is one of
the same family for another task. ``portraits.toml`` speaks of both, ``portraits.inpaint.toml`` of
the second alone.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from generation.backends.comfyui.graph import Graph, Place, WorkflowError
from generation.backends.comfyui.guess import guess
from generation.backends.comfyui.mapping import Role, RoleMap
from generation.backends.comfyui.mapping_file import MappingFile, read_mapping
from generation.types import Task

STARTERS = Path(__file__).parent / "workflows"
"""The workflows that come with Easel."""

_NEEDS: Mapping[Task, tuple[Role, ...]] = {
    Task.TXT2IMG: (Role.PROMPT,),
    Task.IMG2IMG: (Role.IMAGE,),
    Task.INPAINT: (Role.IMAGE, Role.MASK),
    Task.EDIT: (Role.PROMPT, Role.IMAGE),
    Task.UPSCALE: (Role.IMAGE,),
}
"""What a workflow may be for, and what it needs for that."""
_MOST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Workflow:
    """A graph that can be filled in. ``family`` is what it has in common with other tasks' graphs.

    Without ``models`` it keeps the model that its file names.
    """

    name: str
    family: str
    title: str
    graph: Graph
    map: RoleMap
    models: tuple[str, ...] = ()
    files: tuple[tuple[Place, tuple[str, ...]], ...] = ()
    max_side: int | None = None

    @property
    def task(self) -> Task:
        """What it is for."""
        return self.map.task

    def default_model(self) -> str | None:
        """The file that the graph names as its model."""
        for place in self.map.places(Role.MODEL):
            value = self.graph.value(place)
            if isinstance(value, str):
                return value
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """The workflows of a folder, and a sentence for each file that could not be used."""

    workflows: tuple[Workflow, ...]
    problems: tuple[str, ...] = ()


def read_folder(folder: Path) -> Shelf:
    """Every ``*.json`` of a folder, by name. Blocks; a file that cannot be used is a problem."""
    workflows: list[Workflow] = []
    problems: list[str] = []
    try:
        files = sorted(folder.glob("*.json"))
    except OSError as error:
        return Shelf(workflows=(), problems=(f"{folder} cannot be read: {error.strerror}",))
    if not files:
        problems.append(f"{folder} holds no workflow; put files from Workflow → Export (API) there")
    for file in files:
        try:
            workflows.append(_read(file))
        except WorkflowError as error:
            problems.append(f"{file.name} is not used: {error}")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{file.name} cannot be read: {error}")
    return Shelf(workflows=tuple(workflows), problems=tuple(problems))


def build(name: str, graph_text: str, *mapping_texts: str) -> Workflow:
    """A workflow from its files' texts; the later mapping wins. Raises ``WorkflowError``."""
    graph = Graph.read(graph_text)
    written = read_mapping(mapping_texts, graph)
    family, task = _parts(name)
    role_map = _overridden(guess(graph), written, Task(task) if task else None)
    _require_usable(role_map)
    return Workflow(
        name=name,
        family=written.family or family,
        title=written.title or (written.family or family),
        graph=graph,
        map=role_map,
        models=written.models,
        files=tuple(written.files.items()),
        max_side=written.max_side,
    )


def matching(names: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """The names that fit the patterns in order, without regard to case; ``!`` takes some out."""
    kept = [name for name in names if not any(_fits(name, p[1:]) for p in patterns if p[:1] == "!")]
    wanted = [pattern for pattern in patterns if pattern[:1] != "!"]
    return tuple(dict.fromkeys(name for pattern in wanted for name in kept if _fits(name, pattern)))


def _read(file: Path) -> Workflow:
    if file.stat().st_size > _MOST_BYTES:
        raise WorkflowError("it is larger than any workflow")
    family, _ = _parts(file.stem)
    mappings = [file.with_name(f"{name}.toml") for name in dict.fromkeys((family, file.stem))]
    texts = [mapping.read_text(encoding="utf-8") for mapping in mappings if mapping.is_file()]
    return build(file.stem, file.read_text(encoding="utf-8"), *texts)


def _parts(name: str) -> tuple[str, str]:
    """``portraits.inpaint`` is the family portraits, and the task inpaint; without one, ""."""
    family, _, task = name.rpartition(".")
    return (family, task) if family and task in _NEEDS else (name, "")


def _overridden(guessed: RoleMap, written: MappingFile, named: Task | None) -> RoleMap:
    """The guess, with what the mapping file says in place of it, and what the file's name says."""
    roles = dict(guessed.roles) | dict(written.roles)
    told = set(written.roles)
    doubts = () if {Role.PROMPT, Role.IMAGE} & told else guessed.doubts
    return replace(
        guessed,
        roles={role: places for role, places in roles.items() if places},
        task=written.task or named or guessed.task,
        outputs=written.outputs or guessed.outputs,
        draws_batches=bool(written.roles.get(Role.COUNT)),
        options=written.options,
        doubts=() if written.outputs and not guessed.outputs else doubts,
    )


def _require_usable(role_map: RoleMap) -> None:
    """A workflow needs a result, and something that a member can decide."""
    doubts = "".join(f"; {doubt}" for doubt in role_map.doubts)
    if not role_map.outputs:
        raise WorkflowError(f'it keeps no picture; write outputs = ["9"] in its mapping{doubts}')
    for role in _NEEDS[role_map.task]:
        if not role_map.places(role):
            raise WorkflowError(
                f'for {role_map.task.value} it needs {role.value} = "6.text", or another input, '
                f"under [inputs] in its mapping{doubts}"
            )


def _fits(name: str, pattern: str) -> bool:
    """Whether a file's name, with or without the folders before it, fits."""
    whole = name.replace("\\", "/").casefold()
    wanted = pattern.casefold()
    return fnmatch.fnmatchcase(whole, wanted) or fnmatch.fnmatchcase(
        whole.rpartition("/")[2], wanted
    )
