"""A part of a picture drawn by a real pipeline, and put back into the rest."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops

from generation.backends.base import Work
from generation.errors import Unavailable
from generation.infotext import parse, read_png
from generation.types import JobId, Task
from generation.worker.finishing import finish
from generation.worker.gatherer import Seat
from generation.worker.models import LoadedModel
from generation.worker.painter import paint
from tests.generation.local_models import params

pytestmark = pytest.mark.filterwarnings("ignore")  # diffusers' own, about NumPy 2

SIZE = (150, 100)
HOLE = (60, 40, 90, 60)


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def masked(picture: Image.Image, **changes: object) -> Work:
    """A picture of which the hole is to be redrawn by a model that draws 64 × 64."""
    mask = Image.new("L", picture.size)
    mask.paste(255, HOLE)
    inpaint = {"task": Task.INPAINT, "strength": 0.75}
    final = {"final_width": picture.width, "final_height": picture.height}
    wish = params(**{**inpaint, **final, **changes})
    return Work(job_id=JobId("job"), params=wish, image=png(picture), mask=png(mask))


def drawn(loaded: LoadedModel, seat: Seat, work: Work) -> tuple[Image.Image, bytes]:
    painting = paint(loaded, work, seat=seat, on_step=lambda _: None)
    (output,) = finish(painting, work, "Tiny")
    return Image.open(io.BytesIO(output.data)), output.data


@pytest.mark.parametrize("padding", [None, 10])
def test_only_what_is_masked_is_changed_to_the_last_bit(
    loaded: LoadedModel, seat: Seat, padding: int | None
) -> None:
    original = Image.effect_noise(SIZE, 90).convert("RGB")
    result, _ = drawn(loaded, seat, masked(original, padding=padding))
    assert result.size == SIZE
    changed = ImageChops.difference(result, original)
    assert changed.getbbox() == HOLE


def test_a_blurred_edge_fades_into_the_picture(loaded: LoadedModel, seat: Seat) -> None:
    original = Image.effect_noise(SIZE, 90).convert("RGB")
    result, _ = drawn(loaded, seat, masked(original, mask_blur=4))
    changed = ImageChops.difference(result, original).getbbox()
    assert changed is not None
    assert changed[0] < HOLE[0]
    assert changed[0] > HOLE[0] - 20


def test_the_file_says_how_it_was_inpainted(loaded: LoadedModel, seat: Seat) -> None:
    work = masked(Image.new("RGB", SIZE, "teal"), padding=10, mask_blur=2)
    _, data = drawn(loaded, seat, work)
    fields = parse(read_png(data) or "").fields
    assert fields["Denoising strength"] == "0.75"
    assert fields["Mask blur"] == "2"
    assert fields["Inpaint area"] == "Only masked"
    assert fields["Masked area padding"] == "10"


def test_a_job_without_its_mask_is_not_drawn(loaded: LoadedModel, seat: Seat) -> None:
    whole = masked(Image.new("RGB", SIZE))
    work = Work(job_id=JobId("job"), params=whole.params, image=whole.image)
    with pytest.raises(Unavailable):
        paint(loaded, work, seat=seat, on_step=lambda _: None)
