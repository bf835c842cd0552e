"""What a stream says has changed, put into what was known: from sse_v2 on (Gradio 4.17)."""

from __future__ import annotations

import copy

from generation.errors import BadReply


def changed(known: list[object], changes: list[object]) -> list[object]:
    """Each output with its list of edits done. Raises ``BadReply`` for edits that do not fit."""
    if len(known) != len(changes):
        raise BadReply(detail="the app's stream changes outputs that it does not have")
    return [_edited(value, edits) for value, edits in zip(known, changes, strict=True)]


def _edited(value: object, edits: object) -> object:
    """A value with edits such as ``["append", ["path"], "x"]``; no path means the whole."""
    if not isinstance(edits, list):
        raise BadReply(detail="the app's stream has a change that is no list")
    value = copy.deepcopy(value)
    for edit in edits:
        try:
            action, path, new = edit
            value = _once(value, action, path, new)
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise BadReply(detail="the app's stream has a change that does not fit") from error
    return value


def _once(value: object, action: object, path: object, new: object) -> object:
    if not isinstance(path, list):
        raise TypeError
    if not path:
        return _joined(value, new) if action == "append" else new
    *way, last = path
    parent = value
    for step in way:
        parent = _part(parent, step)
    if isinstance(parent, list):
        _edit_list(parent, action, int(last), new)
    elif isinstance(parent, dict):
        _edit_dict(parent, action, last, new)
    else:
        raise TypeError
    return value


def _edit_list(items: list[object], action: object, place: int, new: object) -> None:
    match action:
        case "add":
            items.insert(place, new)
        case "delete":
            del items[place]
        case "append":
            items[place] = _joined(items[place], new)
        case _:
            items[place] = new


def _edit_dict(fields: dict[str, object], action: object, key: str, new: object) -> None:
    match action:
        case "delete":
            del fields[key]
        case "append":
            fields[key] = _joined(fields[key], new)
        case _:
            fields[key] = new


def _part(value: object, step: object) -> object:
    if isinstance(value, list) and isinstance(step, int):
        return value[step]
    if isinstance(value, dict) and isinstance(step, str):
        return value[step]
    raise TypeError


def _joined(value: object, more: object) -> str:
    if isinstance(value, str) and isinstance(more, str):
        return value + more
    raise TypeError
