"""A job's ending on its way: as much of it as Discord takes, in as many bytes as it takes."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from bot import replies
from bot.replies import Card, Picture
from bot.text import one_line
from bot.verdicts import Verdict
from generation.errors import DeliveryError
from generation.images import encode_ladder
from generation.types import Job, JobState, StoredOutput, Task

_LOG = logging.getLogger(__name__)

SMALLEST_BUDGET: Final = 64 * 1024
"""Bytes of a picture below which shrinking further is pointless."""

_UNWANTED = "A content filter of Discord or of this server refused the message with the result."
_GONE = "The pictures of this result are no longer stored. Use the same seed to make them again."
_UNSAID = "The picture is described, but Discord refused to show the text."
_UNSHOWN = "The pictures are made, but Discord refused to show them. Try again with other words."


class Form(Enum):
    """How much of the result a message shows."""

    FULL = auto()
    BARE = auto()
    UNSHOWN = auto()
    UNWANTED = auto()


_INSTEAD = {Form.UNSHOWN: _UNSHOWN, Form.UNWANTED: _UNWANTED}
_PLAINER = {Form.FULL: Form.BARE, Form.BARE: Form.UNSHOWN}


@dataclass(kw_only=True, slots=True)
class Parcel:
    """A job's ending while it looks for its way: what is shown, and how large it may be."""

    job: Job
    pictures: tuple[tuple[StoredOutput, bytes], ...]
    can_vary: bool
    can_upscale: bool
    spoiler: bool
    budget: int
    form: Form = Form.FULL
    reply: bool = True
    cache: dict[int, tuple[tuple[Picture, ...], tuple[str, ...]]] = field(default_factory=dict)

    async def card(self) -> Card:
        """The message in its present form and size."""
        if self.form in _INSTEAD:
            return replies.refusal(_INSTEAD[self.form])
        if self.job.outcome is not JobState.DONE:
            return replies.ending(self.job, bare=self.form is Form.BARE)
        if not self.pictures:
            return replies.refusal(_GONE)
        if self.job.request.params.task is Task.DESCRIBE:
            return self._text()
        return await self._result()

    def adapt(self, verdict: Verdict, error: Exception) -> bool:
        """Change as the verdict says; False if that was done already."""
        if verdict is Verdict.WITHOUT_REFERENCE:
            changed, self.reply = self.reply, False
            return changed
        if self.form in _INSTEAD:
            return False
        if not self.pictures and self.form is Form.BARE:
            return False
        if verdict is Verdict.SMALLER:
            self._shrink()
        elif verdict is Verdict.UNWANTED:
            self.form = Form.UNWANTED
        else:
            _LOG.error("malformed_message job=%s detail=%s", self.job.id, error)
            self.form = _PLAINER[self.form]
        return True

    async def _result(self) -> Card:
        try:
            pictures, notes = await self._fitted()
        except DeliveryError:
            self.form = Form.UNSHOWN
            return replies.refusal(_UNSHOWN)
        if self.form is Form.BARE:
            return replies.bare_result(self.job, pictures)
        return replies.result(
            self.job,
            pictures,
            can_vary=self.can_vary,
            can_upscale=self.can_upscale,
            notes=notes,
        )

    def _text(self) -> Card:
        """The message of a job whose outcome is a text: that, or nothing of it."""
        ((_, data),) = self.pictures
        if self.form is Form.BARE:
            return replies.refusal(_UNSAID)
        return replies.described(self.job, data.decode(), spoiler=self.spoiler)

    def _shrink(self) -> None:
        """Halve what each picture may take; give the pictures up when that is too little."""
        self.budget //= 2
        if self.budget < SMALLEST_BUDGET:
            self.form = Form.UNSHOWN

    async def _fitted(self) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
        if self.budget not in self.cache:
            self.cache = {self.budget: await self._fit()}
        return self.cache[self.budget]

    async def _fit(self) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
        alt = one_line(self.job.request.params.prompt)
        pictures: list[Picture] = []
        notes: dict[str, None] = {}
        for index, (output, data) in enumerate(self.pictures[: replies.PICTURE_LIMIT]):
            fitted, extension = data, output.media_type.rpartition("/")[2]
            if output.media_type == "image/png":
                encoded = await encode_ladder(data, self.budget)
                fitted, extension = encoded.data, encoded.extension
                if encoded.note:
                    notes[encoded.note] = None
            pictures.append(
                Picture(
                    name=f"{self.job.id}-{index + 1}.{extension}",
                    data=fitted,
                    description=alt,
                    spoiler=self.spoiler,
                )
            )
        return tuple(pictures), tuple(notes)
