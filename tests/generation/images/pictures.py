"""Pictures of every awkward kind, built when a test asks for them."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

RED, BLUE = (220, 30, 30), (30, 30, 220)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def halves(size: tuple[int, int] = (40, 20)) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, RED)
    picture.paste(BLUE, (size[0] // 2, 0, *size))
    return picture


def rotated_jpeg(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(halves(), "JPEG", quality=95, exif=exif)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_zeros(width: int, height: int, depth: int = 1) -> bytes:
    """A grey PNG whose rows compress to nearly nothing."""
    row = bytes(1 + (width * depth + 7) // 8)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def png_claiming(width: int, height: int) -> bytes:
    """A header that promises more than the file holds."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")


def png_with_text_bombs(count: int) -> bytes:
    """Many compressed texts that each unfold to a megabyte."""
    png = saved(halves(), "PNG")
    bomb = png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1024 * 1024), 9))
    return png[:33] + bomb * count + png[33:]


def animated_png(frames: int) -> bytes:
    others = [Image.new("RGB", (40, 20), (index, 0, 0)) for index in range(1, frames)]
    return saved(halves(), "PNG", save_all=True, append_images=others)


SENTINEL = "SENTINEL-4711"


def png_full_of_metadata() -> bytes:
    from PIL import PngImagePlugin  # noqa: PLC0415  # only this corpus needs it

    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", SENTINEL)
    info.add_itxt("XML:com.adobe.xmp", SENTINEL)
    exif = Image.Exif()
    exif[0x010E] = SENTINEL
    return (
        saved(halves(), "PNG", pnginfo=info, exif=exif, icc_profile=SENTINEL.encode())
        + SENTINEL.encode()
    )


def jpeg_full_of_metadata() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = SENTINEL
    return (
        saved(halves(), "JPEG", exif=exif, comment=SENTINEL, icc_profile=SENTINEL.encode())
        + SENTINEL.encode()
    )
