"""A job's pictures reach its backend in the roles that its parameters give them."""

from __future__ import annotations

import pytest

from generation.backends.base import Work
from generation.types import Control, JobId, Task
from tests.generation.local_models import params

JOB = JobId("job-1")
LINES = Control(kind="canny")


@pytest.mark.parametrize(
    ("task", "references", "controls", "roles"),
    [
        (Task.TXT2IMG, 0, 0, (None, None, (), ())),
        (Task.IMG2IMG, 0, 0, (b"0", None, (), ())),
        (Task.INPAINT, 0, 0, (b"0", b"1", (), ())),
        (Task.EDIT, 2, 0, (None, None, (b"0", b"1"), ())),
        (Task.UPSCALE, 0, 0, (b"0", None, (), ())),
        (Task.CUTOUT, 0, 0, (b"0", None, (), ())),
        (Task.DESCRIBE, 0, 0, (b"0", None, (), ())),
        (Task.TXT2IMG, 1, 2, (None, None, (b"0",), (b"1", b"2"))),
        (Task.INPAINT, 1, 1, (b"0", b"1", (b"2",), (b"3",))),
    ],
)
def test_each_picture_has_its_role(
    task: Task, references: int, controls: int, roles: tuple[object, ...]
) -> None:
    wish = params(task=task, references=references, controls=(LINES,) * controls)
    own = sum(role is not None for role in roles[:2])
    pictures = [str(number).encode() for number in range(own + references + controls)]
    work = Work.of(JOB, wish, pictures)
    assert (work.image, work.mask, work.references, work.controls) == roles


def test_a_picture_that_is_missing_is_told_by_the_backend_and_no_crash_here() -> None:
    work = Work.of(JOB, params(task=Task.INPAINT), [])
    assert (work.image, work.mask) == (None, None)


def test_controls_and_pictures_to_look_at_are_part_of_what_a_job_costs() -> None:
    plain = params(task=Task.TXT2IMG)
    assert params(controls=(LINES, LINES)).work() == pytest.approx(2 * plain.work())
    assert params(task=Task.EDIT, references=2).work() == pytest.approx(3 * plain.work())
