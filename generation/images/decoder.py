"""A program that decodes one untrusted picture: bytes on stdin, a fresh PNG on stdout.

It runs in a process of its own, which its caller kills when it takes too long. The first line of
its output is a JSON object with ``width`` and ``height``, or with ``refusal``, a sentence. Where
it also has ``length``, the PNG is that long, and one of the picture's transparent parts follows.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from typing import NoReturn

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from generation.errors import BadImage

FORMATS = ("PNG", "JPEG", "WEBP")
BACKGROUND = (255, 255, 255)
"""What shows through where a picture is transparent."""

_DAMAGED = "That picture is damaged and could not be read. Please save it again as PNG or JPEG."
_OPAQUE = (255, 255)  # the least and the most
_SIXTEEN_BIT = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I"})
_NAMES = {
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"8BPS": "Photoshop",
    b"%!PS": "PostScript",
    b"%PDF": "PDF",
}


def main(argv: list[str]) -> None:
    """Decode stdin under the given caps: pixels, longest side, bytes of memory, CPU seconds."""
    max_pixels, max_side, memory, cpu_seconds = (int(value) for value in argv)
    _limit_process(memory, cpu_seconds)
    data = sys.stdin.buffer.read()
    try:
        picture, holes = decode(data, max_pixels=max_pixels, max_side=max_side)
        png = encode_png(picture)
        more = b"" if holes is None else encode_png(holes)
    except BadImage as error:
        _answer({"refusal": error.sentence, "detail": error.detail or ""}, b"")
    except MemoryError:
        _answer({"refusal": _DAMAGED, "detail": "out of memory"}, b"")
    header: dict[str, object] = {"width": picture.width, "height": picture.height}
    if more:
        header["length"] = len(png)
    _answer(header, png + more)


def decode(
    data: bytes, *, max_pixels: int, max_side: int
) -> tuple[Image.Image, Image.Image | None]:
    """The first frame as a fresh RGB picture, upright, without any of the file's metadata.

    Transparency is laid on white; 16-bit grey is scaled, not clipped. Second is how transparent
    the picture was (grey, white where it was wholly so), None if it was nowhere. Raises
    ``BadImage``.
    """
    try:
        with warnings.catch_warnings():
            # Our own cap below is tighter than the one that Pillow warns about.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
            _check_size(opened.size, max_pixels, max_side)
            opened.load()
            upright = ImageOps.exif_transpose(opened)
            return _flattened(upright), _holes(upright)
    except UnidentifiedImageError as error:
        raise BadImage(_unsupported(data), detail="not an allowed format") from error
    except Image.DecompressionBombError as error:
        raise BadImage(_too_large(None, max_pixels, max_side), detail="bomb") from error
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, KeyError) as error:
        raise BadImage(_DAMAGED, detail=type(error).__name__) from error


def encode_png(picture: Image.Image) -> bytes:
    """A PNG of the pixels and nothing else."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _check_size(size: tuple[int, int], max_pixels: int, max_side: int) -> None:
    width, height = size
    if max(size) > max_side or width * height > max_pixels or min(size) < 1:
        raise BadImage(_too_large(size, max_pixels, max_side), detail=f"{width}x{height}")


def _flattened(picture: Image.Image) -> Image.Image:
    if picture.mode in _SIXTEEN_BIT:
        # convert("RGB") would clip everything above 255 to white.
        picture = picture.point(lambda value: value * (1 / 256)).convert("L")
    fresh = Image.new("RGB", picture.size, BACKGROUND)
    if _has_alpha(picture):
        layer = picture.convert("RGBA")
        fresh.paste(layer, (0, 0), layer)
    else:
        fresh.paste(picture.convert("RGB"), (0, 0))
    return fresh


def _holes(picture: Image.Image) -> Image.Image | None:
    if not _has_alpha(picture):
        return None
    opacity = picture.convert("RGBA").getchannel("A")
    return ImageOps.invert(opacity) if opacity.getextrema() != _OPAQUE else None


def _has_alpha(picture: Image.Image) -> bool:
    return picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info


def _too_large(size: tuple[int, int] | None, max_pixels: int, max_side: int) -> str:
    shown = f" ({size[0]}×{size[1]})" if size is not None else ""
    return (
        f"That picture is too large{shown}. It may have up to {max_pixels // 1_000_000} million "
        f"pixels and {max_side} on a side."
    )


def _unsupported(data: bytes) -> str:
    name = next((name for magic, name in _NAMES.items() if data.startswith(magic)), None)
    head = data[:512].lstrip().lower()
    if head.startswith(b"<svg") or (head.startswith(b"<?xml") and b"<svg" in head):
        name = "SVG"
    if data[4:8] == b"ftyp":
        name = "AVIF, HEIC or video"
    what = f"{name} files" if name else "That kind of file"
    return f"{what} cannot be used here. Please use a PNG, JPEG or WebP picture."


def _limit_process(memory: int, cpu_seconds: int) -> None:
    if sys.platform == "win32":
        return  # no rlimits there; the caller's deadline still holds
    import resource  # noqa: PLC0415  # does not exist on Windows

    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # elsewhere the address space also counts what is only mapped
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _answer(header: dict[str, object], png: bytes) -> NoReturn:
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + png)
    sys.stdout.buffer.flush()
    sys.exit(0)


ImageFile.LOAD_TRUNCATED_IMAGES = False

if __name__ == "__main__":
    main(sys.argv[1:])
