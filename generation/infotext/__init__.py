"""The settings text inside a picture, as A1111 writes it and many tools read it."""

from __future__ import annotations

from generation.infotext.exif import read_exif, read_user_comment, user_comment
from generation.infotext.files import find_text, has_workflow
from generation.infotext.png import PNG_SIGNATURE, chunk, embed_png, read_png, text_chunk
from generation.infotext.samplers import SamplerChoice, read_sampler
from generation.infotext.text import Infotext, parse, write

__all__ = [
    "PNG_SIGNATURE",
    "Infotext",
    "SamplerChoice",
    "chunk",
    "embed_png",
    "find_text",
    "has_workflow",
    "parse",
    "read_exif",
    "read_png",
    "read_sampler",
    "read_user_comment",
    "text_chunk",
    "user_comment",
    "write",
]
