"""Files with settings inside, made as other programs make them."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, PngImagePlugin

from generation.infotext import user_comment


def picture() -> Image.Image:
    return Image.new("RGB", (3, 2), (1, 2, 3))


def plain(kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture().save(buffer, kind, **options)
    return buffer.getvalue()


def png_as_webuis_do(text: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", text)
    return plain(pnginfo=info)


def png_itxt(text: str, *, packed: bool) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("parameters", text, lang="en", tkey="settings", zip=packed)
    return plain(pnginfo=info)


def png_ztxt(text: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", text, zip=True)
    return plain(pnginfo=info)


def png_exif(text: str) -> bytes:
    return plain(exif=exif(user_comment(text)))


def jpeg(text: str) -> bytes:
    return plain("JPEG", exif=exif(user_comment(text)))


def jpeg_little_endian(text: str) -> bytes:
    return plain("JPEG", exif=exif(b"UNICODE\0" + text.encode("utf-16-le"), order="<"))


def jpeg_ascii(text: str) -> bytes:
    return plain("JPEG", exif=exif(b"ASCII\0\0\0" + text.encode()))


def webp(text: str) -> bytes:
    return plain("WEBP", exif=exif(user_comment(text)))


def webp_lossless(text: str) -> bytes:
    return plain("WEBP", lossless=True, exif=exif(user_comment(text)))


def exif(comment: bytes, *, order: str = ">") -> bytes:
    """EXIF with a UserComment and nothing else, in either byte order."""
    head = (b"MM" if order == ">" else b"II") + struct.pack(f"{order}HI", 42, 8)
    first = struct.pack(f"{order}HHHIII", 1, 0x8769, 4, 1, 26, 0)
    second = struct.pack(f"{order}HHHIII", 1, 0x9286, 7, len(comment), 44, 0)
    return b"Exif\0\0" + head + first + second + comment


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with further chunks after its header."""
    png = plain()
    return png[:33] + b"".join(png_chunk(*chunk) for chunk in chunks) + png[33:]
