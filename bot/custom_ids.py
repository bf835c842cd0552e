"""What a button carries: a version, an action, and the job it belongs to. Never a right."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from generation.types import JobId

VERSION: Final = 1
"""Rises when the meaning of an old button changes; whoever presses an old one is told so."""


class Action(StrEnum):
    """What a button asks for."""

    AGAIN = "again"
    VARY = "vary"
    SUBTLE = "subtle"
    UPSCALE = "upscale"
    IMAGINE = "imagine"
    EDIT = "edit"
    DELETE = "delete"
    CANCEL = "cancel"
    SHOW = "show"


_CURRENT = (
    rf"easel:{VERSION}:(?P<action>{'|'.join(Action)})"
    r":(?P<job>[0-9A-Za-z_-]{1,25})(?::(?P<index>\d))?"
)
CURRENT: Final = re.compile(_CURRENT)
"""Matches the ids that ``write`` makes: groups ``action``, ``job`` and, of a picture, ``index``."""

RETIRED: Final = re.compile(rf"(?!{re.sub(r'P<[a-z]+>', ':', _CURRENT)}$)easel:.*")
"""Matches every other id of ours."""


def write(action: Action, job_id: JobId, index: int | None = None) -> str:
    """The custom id of a button; ``index`` is the picture's place in the result, from 0."""
    ending = "" if index is None else f":{index}"
    return f"easel:{VERSION}:{action}:{job_id}{ending}"
