"""Several forward calls as one: which belong together, their joined input, the answer taken apart.

A call's rows are the length of its first argument: one for each picture, two where guidance looks
at the negative prompt as well.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

_TIMES = frozenset({"timestep", "timesteps", "t"})
"""May be one number for all rows; joined, every row has its own."""
_SAME_FOR_ALL = frozenset(
    {"img_ids", "txt_ids", "image_ids", "text_ids", "image_rotary_emb"}
    | {"visual_rope_pos", "text_rope_pos"}
)
"""Positions, which transformers read once for all rows, with or without an axis for them."""
_ROWS_SECOND = frozenset({"encoder_hidden_states_llama3"})
"""States of several layers, with the layers before the rows."""
_ONE_EACH = frozenset({"img_shapes", "txt_seq_lens"})
"""Lists with an item for each row, of which transformers may read only the first."""

_ROUNDING = 1e-3
_ROUGH_ROUNDING = 0.05  # of numbers in sixteen bits, through a hundred layers

Arguments = Mapping[str, Any]


class CannotJoinError(ValueError):
    """A call has an argument, or an answer, that has no meaning for several jobs at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What a call looks like. Calls with equal ``key`` can be joined; ``size`` is that of a row."""

    rows: int
    size: str
    key: Hashable


class Contents:
    """What tensors hold, as short digests. Each is read once: that makes a device wait."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[torch.Tensor], int, str]] = {}

    def digest(self, tensor: torch.Tensor, *, of_row: bool = False) -> str:
        """Equal for tensors of equal type, shape and values; ``of_row`` for their equal rows.

        Raises ``CannotJoinError`` when rows that ought to be equal are not.
        """
        version = 0 if tensor.is_inference() else tensor._version  # noqa: SLF001  # no other way
        known = self._known.get(id(tensor))
        if known is not None and known[0]() is tensor and known[1] == version:
            return known[2]
        read = tensor[:1] if of_row else tensor
        if of_row and not torch.equal(tensor, read.expand_as(tensor)):
            raise CannotJoinError("positions differ within one call")
        values = read.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        head = f"{read.dtype}{tuple(read.shape)}".encode()
        found = hashlib.blake2b(head + values, digest_size=16).hexdigest()
        self._known = {key: entry for key, entry in self._known.items() if entry[0]() is not None}
        self._known[id(tensor)] = (weakref.ref(tensor), version, found)
        return found


def describe(arguments: Arguments, contents: Contents) -> Shape:
    """The shape of a call with these arguments, the first of which has its rows.

    Raises ``CannotJoinError``.
    """
    first = next(iter(arguments.values()), None)
    if isinstance(first, torch.Tensor) and first.dim() > 0:
        rows, size = first.shape[0], _dimensions(first)
    elif isinstance(first, list) and first and isinstance(first[0], torch.Tensor):
        rows, size = len(first), _dimensions(first[0], every=True)
    else:
        raise CannotJoinError("its first argument has no rows")
    look = _Look(rows=rows, in_lists=isinstance(first, list), contents=contents)
    return Shape(rows=rows, size=size, key=look.mapping(arguments))


def join(calls: Sequence[Arguments], rows: Sequence[int]) -> dict[str, Any]:
    """One call's arguments for calls whose shapes have equal keys."""
    first = next(iter(calls[0].values()))
    joint = _Joint(rows=rows, in_lists=isinstance(first, list))
    device = (first[0] if joint.in_lists else first).device
    return {name: joint.value(name, [call[name] for call in calls], device) for name in calls[0]}


def split(answer: Any, rows: Sequence[int]) -> list[Any]:
    """A joined call's answer, one for each call. No part keeps another's memory alive.

    Raises ``CannotJoinError`` when the answer has other rows than the call.
    """
    if isinstance(answer, torch.Tensor):
        if answer.dim() == 0 or answer.shape[0] != sum(rows):
            raise CannotJoinError(f"its answer has the shape {tuple(answer.shape)}")
        return [part.clone() for part in torch.split(answer, list(rows))]
    if answer is None:
        return [None] * len(rows)
    if isinstance(answer, list) and len(answer) == sum(rows):
        ends = [sum(rows[: index + 1]) for index in range(len(rows))]
        parts = zip(ends, rows, strict=True)
        return [[_own(item) for item in answer[end - size : end]] for end, size in parts]
    if isinstance(answer, tuple):
        return list(zip(*(split(item, rows) for item in answer), strict=True))
    if isinstance(answer, Mapping):  # the form of diffusers' outputs, which are also dataclasses
        columns = {name: split(item, rows) for name, item in answer.items()}
        kind: Any = type(answer)
        taken = [
            {name: column[index] for name, column in columns.items()} for index in range(len(rows))
        ]
        return taken if kind is dict else [kind(**part) for part in taken]
    raise CannotJoinError(f"its answer is of type {type(answer).__name__}")


def is_alike(answer: Any, other: Any) -> bool:
    """Whether two answers to the same call differ by no more than rounding."""
    if isinstance(answer, torch.Tensor):
        apart, size = (answer - other).float().norm(), other.float().norm()
        most = _ROUNDING if answer.dtype in {torch.float32, torch.float64} else _ROUGH_ROUNDING
        return bool((apart <= most * size).item()) or not bool(torch.isfinite(other).all())
    if isinstance(answer, Mapping):
        return all(is_alike(item, other[name]) for name, item in answer.items())
    if isinstance(answer, list | tuple):
        return all(is_alike(*items) for items in zip(answer, other, strict=True))
    return True


def repeat(arguments: Arguments, times: int) -> dict[str, Any]:
    """The arguments joined with themselves, for measuring. They must have a shape."""
    first = next(iter(arguments.values()))
    return join([arguments] * times, [len(first)] * times)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    """How one call's arguments look, as something that can be compared."""

    rows: int
    in_lists: bool
    contents: Contents

    def mapping(self, values: Mapping[str, Any]) -> Hashable:
        return tuple((name, self.value(name, item)) for name, item in values.items())

    def value(self, name: str, value: Any) -> Hashable:
        if isinstance(value, torch.Tensor):
            return self._tensor(name, value)
        if name in _TIMES and isinstance(value, int | float):
            return _MOMENT
        if value is None or isinstance(value, bool | int | float | str | torch.dtype):
            return (type(value).__name__, value)
        if isinstance(value, Mapping):
            return self.mapping(value)
        if isinstance(value, list | tuple):
            return self._sequence(name, value)
        raise CannotJoinError(f"{name} is of type {type(value).__name__}")

    def _tensor(self, name: str, value: torch.Tensor) -> Hashable:
        if name in _TIMES and _is_moment(value, self.rows):
            kept = value.dim() > 0 and value.is_floating_point()
            return ("moment", str(value.dtype)) if kept else _MOMENT
        if name in _SAME_FOR_ALL:
            of_row = _has_rows(value, self.rows)
            return ("same", self.contents.digest(value, of_row=of_row), value.dim())
        axis = _axis(name)
        if value.dim() > axis and value.shape[axis] == self.rows:
            rest = (*value.shape[:axis], *value.shape[axis + 1 :])
            return ("rows", str(value.dtype), rest)
        return ("same", self.contents.digest(value))

    def _sequence(self, name: str, value: Sequence[Any]) -> Hashable:
        if name in _ONE_EACH and len(value) == self.rows:
            looks = {self.value("", item) for item in value}
            if len(looks) > 1:
                raise CannotJoinError(f"{name} differs within one call")
            return ("each", *looks)
        if self.in_lists and isinstance(value, list) and len(value) == self.rows:
            if not all(isinstance(item, torch.Tensor) for item in value):
                raise CannotJoinError(f"{name} is a list of other things than tensors")
            return ("list", str(value[0].dtype), _shapes(value) if name in _PICTURES else None)
        return (type(value).__name__, *(self.value(_inside(name), item) for item in value))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Joint:
    """Values of one argument in several calls, made into one."""

    rows: Sequence[int]
    in_lists: bool

    def value(self, name: str, values: Sequence[Any], device: torch.device) -> Any:
        first = values[0]
        if name in _TIMES and _is_moment(first, self.rows[0]):
            moments = [
                _moments(value, rows, device) for value, rows in zip(values, self.rows, strict=True)
            ]
            return torch.cat(moments)
        if isinstance(first, torch.Tensor):
            return self._tensor(name, values)
        if isinstance(first, Mapping):
            return {key: self.value(key, [item[key] for item in values], device) for key in first}
        if isinstance(first, list | tuple):
            return self._sequence(name, values, device)
        return first

    def _tensor(self, name: str, values: Sequence[torch.Tensor]) -> torch.Tensor:
        first, axis = values[0], _axis(name)
        if name in _SAME_FOR_ALL:
            whole = _has_rows(first, self.rows[0])
        else:
            whole = first.dim() > axis and first.shape[axis] == self.rows[0]
        return torch.cat(list(values), dim=axis) if whole else first

    def _sequence(self, name: str, values: Sequence[Any], device: torch.device) -> Any:
        first = values[0]
        by_row = isinstance(first, list) and len(first) == self.rows[0]
        if by_row and (name in _ONE_EACH or self.in_lists):
            return [item for value in values for item in value]
        columns = zip(*values, strict=True)
        return type(first)(self.value(_inside(name), column, device) for column in columns)


_MOMENT = ("moment", "torch.float32")
_PICTURES = frozenset({"x", "hidden_states", "sample"})


def _is_moment(value: Any, rows: int) -> bool:
    if not isinstance(value, torch.Tensor):
        return isinstance(value, int | float)
    return value.dim() == 0 or (value.dim() == 1 and value.shape[0] in {1, rows})


def _moments(value: Any, rows: int, device: torch.device) -> torch.Tensor:
    """A time for each row. A whole number, as some schedulers have, is exact in float32."""
    given = torch.as_tensor(value, device=device)
    kept = given.dim() > 0 and given.is_floating_point()
    return given.to(given.dtype if kept else torch.float32).reshape(-1).expand(rows)


def _inside(name: str) -> str:
    """The name that decides about the items of a list."""
    return name if name in _SAME_FOR_ALL else ""


def _axis(name: str) -> int:
    return 1 if name in _ROWS_SECOND else 0


def _has_rows(positions: torch.Tensor, rows: int) -> bool:
    return positions.dim() == 3 and positions.shape[0] == rows


def _own(item: Any) -> Any:
    return item.clone() if isinstance(item, torch.Tensor) else item


def _shapes(tensors: Sequence[torch.Tensor]) -> Hashable:
    return tuple(dict.fromkeys(tuple(tensor.shape) for tensor in tensors))


def _dimensions(tensor: torch.Tensor, *, every: bool = False) -> str:
    return "x".join(str(side) for side in (tensor.shape if every else tensor.shape[1:]))
