"""Transparency put back into a picture: the colours that were there, not those on white."""

from __future__ import annotations

import io

from hypothesis import given, settings, strategies as st
from PIL import Image

from generation.images import Picture, layered
from generation.images.decoder import decode, encode_png

BYTE = st.integers(0, 255)


def uploaded(picture: Image.Image) -> Picture:
    """As the decoder hands it on: laid on white, with its holes beside it."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    flat, holes = decode(buffer.getvalue(), max_pixels=10**6, max_side=10**4)
    return Picture(
        png=encode_png(flat),
        width=flat.width,
        height=flat.height,
        holes=None if holes is None else encode_png(holes),
    )


def opened(picture: Picture) -> Image.Image:
    with Image.open(io.BytesIO(picture.png)) as image:
        image.load()
        return image


@settings(deadline=None)
@given(colour=st.tuples(BYTE, BYTE, BYTE), opacity=st.integers(1, 254))
async def test_a_half_transparent_colour_comes_back(
    colour: tuple[int, int, int], opacity: int
) -> None:
    picture = uploaded(Image.new("RGBA", (3, 2), (*colour, opacity)))
    made = opened(await layered(picture)).getpixel((1, 1))
    assert isinstance(made, tuple)
    assert made[3] == opacity
    # What little shows of a nearly transparent colour cannot tell its exact shade.
    assert all(
        abs(one - other) <= 1 + 255 / opacity for one, other in zip(made, colour, strict=False)
    )


async def test_an_opaque_picture_stays_byte_for_byte() -> None:
    picture = uploaded(Image.new("RGB", (40, 20), "orange"))
    assert await layered(picture, longest=40) is picture


async def test_a_longer_side_is_brought_to_the_bound_and_the_shape_stays() -> None:
    whole = Image.new("RGBA", (400, 200), (10, 20, 30, 255))
    whole.paste((10, 20, 30, 0), (0, 0, 200, 200))
    made = await layered(uploaded(whole), longest=100)
    assert (made.width, made.height) == opened(made).size == (100, 50)
    assert opened(made).getchannel("A").getpixel((10, 25)) == 0
    assert opened(made).getpixel((90, 25)) == (10, 20, 30, 255)
