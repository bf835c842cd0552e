"""Settings text in files: found wherever programs put it, and never at a price."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from generation.errors import BadImage
from generation.infotext import (
    embed_png,
    find_text,
    has_workflow,
    read_png,
    read_user_comment,
    user_comment,
)
from tests.generation.infotext import pictures
from tests.generation.infotext.pictures import exif, plain, png_with

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
SETTINGS = (
    "a cat, été, 日本 👩‍🎨\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, Seed: 7, Size: 8x8"
)


@given(TEXT)
def test_a_png_carries_the_text_and_keeps_its_pixels(text: str) -> None:
    marked = embed_png(plain(), text)
    assert read_png(marked) == text
    with Image.open(io.BytesIO(marked)) as opened:
        opened.load()
        assert opened.getpixel((0, 0)) == (1, 2, 3)


def test_pillow_reads_the_same_text() -> None:
    for text in ("plain é", "日本"):
        with Image.open(io.BytesIO(embed_png(plain(), text))) as opened:
            assert opened.info["parameters"] == text


def test_embedding_replaces_what_was_there() -> None:
    twice = embed_png(embed_png(plain(), "first secret"), "second")
    assert read_png(twice) == "second"
    assert b"first secret" not in twice


def test_a_picture_without_text_has_none() -> None:
    assert read_png(plain()) is None
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP"):
        assert find_text(plain(kind)) is None


@pytest.mark.parametrize("data", [b"", b"GIF89a", plain()[:40], plain()[:-6]])
def test_what_is_no_whole_png_is_refused(data: bytes) -> None:
    for use in (read_png, lambda png: embed_png(png, "x")):
        with pytest.raises(BadImage):
            use(data)


@pytest.mark.parametrize(
    "save",
    [
        pictures.png_as_webuis_do,
        lambda text: pictures.png_itxt(text, packed=False),
        lambda text: pictures.png_itxt(text, packed=True),
        pictures.png_exif,
        pictures.jpeg,
        pictures.jpeg_little_endian,
        pictures.jpeg_ascii,
        pictures.webp,
        pictures.webp_lossless,
    ],
    ids=["tEXt", "iTXt", "iTXt-zip", "eXIf", "jpeg", "jpeg-le", "jpeg-ascii", "webp", "webp-ll"],
)
def test_the_text_is_found_where_programs_put_it(save: Callable[[str], bytes]) -> None:
    assert find_text(save(SETTINGS)) == SETTINGS


def test_a_packed_text_is_found() -> None:
    assert find_text(pictures.png_ztxt("a cat, été\nSteps: 20")) == "a cat, été\nSteps: 20"


def test_a_files_beginning_is_enough_when_the_text_is_in_it() -> None:
    png = pictures.png_as_webuis_do("a cat")
    assert find_text(png[:-30]) == "a cat"
    assert find_text(png[:50]) is None
    jpeg = pictures.jpeg("a cat")
    assert find_text(jpeg[: len(jpeg) // 2]) == "a cat"


@given(TEXT)
def test_a_user_comment_is_read_back(text: str) -> None:
    assert read_user_comment(user_comment(text)) == text.rstrip("\0")


@pytest.mark.parametrize(
    ("comment", "text"),
    [
        (b"ASCII\0\0\0plain", "plain"),
        (bytes(8) + "été".encode(), "été"),
        (b"no code at all", "no code at all"),
        (b"UNICODE\0\xff\xfea\0b\0", "ab"),
        (b"UNICODE\0\xfe\xff\0a\0b", "ab"),
        (b"JIS\0\0\0\0\0\x93\xfa", None),
        (bytes(8), None),
        (b"", None),
    ],
)
def test_comments_in_other_codes_are_read_where_they_can_be(
    comment: bytes, text: str | None
) -> None:
    assert read_user_comment(comment) == text


def test_a_text_that_unfolds_is_not_unfolded() -> None:
    bomb = zlib.compress(bytes(64 * 1024 * 1024), 9)
    assert find_text(png_with((b"zTXt", b"parameters\0\0" + bomb))) is None
    assert find_text(png_with((b"iTXt", b"parameters\0\1\0\0\0" + bomb))) is None


def test_of_very_many_texts_only_the_first_few_are_tried() -> None:
    bomb = (b"zTXt", b"parameters\0\0" + zlib.compress(bytes(1024 * 1024), 9))
    assert find_text(png_with(*[bomb] * 3, (b"tEXt", b"parameters\0here"))) == "here"
    assert find_text(png_with(*[bomb] * 500, (b"tEXt", b"parameters\0here"))) is None


def test_a_text_over_the_limit_is_none() -> None:
    assert find_text(pictures.png_as_webuis_do("x" * 65_537)) is None
    assert find_text(pictures.webp("x" * 200_000)) is None


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"MM",
        b"XX\0\x2a\0\0\0\x08",
        b"MM\0\x2a\xff\xff\xff\xff",
        b"MM\0\x2a\0\0\0\x08\xff\xff",
        exif(b"x")[6:30],
        # A directory whose EXIF pointer leads back to itself.
        b"MM\0\x2a\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\0",
        exif(user_comment("text")).replace(b"\0\0\0\x2c", b"\xff\0\0\0"),
    ],
)
def test_broken_exif_is_no_text(block: bytes) -> None:
    jpeg = b"\xff\xd8\xff\xe1" + (len(block) + 8).to_bytes(2, "big") + b"Exif\0\0" + block
    assert find_text(jpeg) is None


@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"RIFF\0\0\0\0WEBP"]), st.binary())
def test_any_bytes_can_be_looked_through(start: bytes, rest: bytes) -> None:
    find_text(start + rest)
    has_workflow(start + rest)


@given(st.data())
def test_a_damaged_file_can_be_looked_through(data: st.DataObject) -> None:
    save = data.draw(st.sampled_from([pictures.png_ztxt, pictures.jpeg, pictures.webp]))
    content = bytearray(save("a cat\nSteps: 20, Seed: 3"))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    find_text(bytes(content))


def test_a_workflow_is_told_from_settings() -> None:
    workflow = png_with((b"tEXt", b"prompt\0{}"), (b"tEXt", b"workflow\0{}"))
    assert has_workflow(workflow)
    assert find_text(workflow) is None
    assert not has_workflow(pictures.png_as_webuis_do("a cat"))
