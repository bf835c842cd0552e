"""A job in as many passes as it takes: one, or a second one over the enlarged picture."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from PIL import Image

from generation.backends.base import Work
from generation.types import Params, Task
from generation.worker.gatherer import Seat
from generation.worker.models import LoadedModel
from generation.worker.painter import Painting, Step, paint
from generation.worker.pixels import Decoded


def paint_job(
    model: LoadedModel, work: Work, *, seat: Seat, on_step: Callable[[Step], None]
) -> Painting:
    """Make the job's pictures, as ``paint`` does. With ``hires`` each is then drawn over.

    Between the passes a picture is enlarged by Lanczos' filter to its finished size. Raises what
    ``paint`` raises.
    """
    params = work.params
    if params.hires <= 1:
        return paint(model, work, seat=seat, on_step=on_step)
    course = _Course(params=params, on_step=on_step)
    first = replace(params, hires=1.0, final_width=0, final_height=0)
    painting = paint(model, replace(work, params=first), seat=seat, on_step=course.first)
    small, painting.pictures = painting.pictures, []
    for index, (seed, picture) in enumerate(small):
        over = _second(work, seed, picture)
        course.index = index
        result = paint(model, over, seat=seat, on_step=course.second)
        painting.pictures += result.pictures
        painting.notes += [note for note in result.notes if note not in painting.notes]
    return painting


def _second(work: Work, seed: int, picture: Decoded) -> Work:
    params = work.params
    width, height = params.final_size
    over = replace(
        params,
        task=Task.IMG2IMG,
        width=width,
        height=height,
        strength=params.hires_strength,
        seed=seed,
        count=1,
        hires=1.0,
        subseed_strength=0.0,
    )
    return replace(work, params=over, image=_enlarged(picture, (width, height)))


def _enlarged(picture: Decoded, size: tuple[int, int]) -> bytes | None:
    if picture.pixels is None:
        return None
    buffer = io.BytesIO()
    large = Image.fromarray(picture.pixels.numpy()).resize(size, Image.Resampling.LANCZOS)
    large.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@dataclass(kw_only=True, slots=True)
class _Course:
    """Where a job in two passes stands: steps of both, counted together; time goes by pixels."""

    params: Params
    on_step: Callable[[Step], None]
    index: int = 0
    """Which picture is being drawn over."""
    steps: int = 0
    """How many the first pass has."""
    began: float = field(default_factory=time.monotonic)

    def first(self, step: Step) -> None:
        """A step of the first pass, over all pictures."""
        self.steps = step.total
        self._tell(step, 0, step.number / step.total * self._share)

    def second(self, step: Step) -> None:
        """A step over one enlarged picture."""
        each = (1 - self._share) / self.params.count
        done = self._share + each * (self.index + step.number / step.total)
        self._tell(step, self.steps + self.index * self._each, done)

    @property
    def _each(self) -> int:
        """How many steps a picture is drawn over in."""
        return max(1, int(self.params.steps * self.params.hires_strength))

    @property
    def _share(self) -> float:
        """The first pass's part of all the work."""
        small = replace(self.params, hires=1.0).work()
        return small / self.params.work()

    def _tell(self, step: Step, before: int, done: float) -> None:
        spent = time.monotonic() - self.began
        self.on_step(
            replace(
                step,
                number=before + step.number,
                total=self.steps + self._each * self.params.count,
                eta_seconds=spent / done * (1 - done),
            )
        )
