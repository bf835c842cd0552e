"""Uploads: strangers' pictures decoded in a process that can be killed, trusted ones fitted."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from dataclasses import dataclass, field

from PIL import Image, ImageOps

from generation.errors import BadImage, Unavailable
from generation.images.decoder import encode_png

_PROGRAM = "generation.images.decoder"
_DECODERS = 2  # at once: each may use the memory of one whole picture


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadRules:
    """What an uploaded picture may be, and what decoding it may cost."""

    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 16_000_000
    max_side: int = 8192
    seconds: float = 15.0
    memory: int = 1024 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A clean picture: RGB, upright, and a PNG that carries nothing but pixels.

    ``holes`` is a grey PNG of the same size, white where the picture was transparent; None where
    it was nowhere.
    """

    png: bytes = field(repr=False)
    width: int
    height: int
    holes: bytes | None = field(default=None, repr=False)


async def clean_upload(data: bytes, rules: UploadRules | None = None) -> Picture:
    """Decode a stranger's picture and encode it afresh. Raises ``BadImage`` with the reason.

    The decoder runs in a process of its own with bounded memory and time; it is killed when it
    overruns or when the caller is cancelled. Raises ``Unavailable`` when it cannot be started.
    """
    rules = rules or UploadRules()
    if len(data) > rules.max_bytes:
        raise BadImage(
            f"That file is too large ({len(data) / 1e6:.0f} MB). "
            f"The most is {rules.max_bytes / 1e6:.0f} MB."
        )
    if not data:
        raise BadImage("That file is empty. Please use a PNG, JPEG or WebP picture.")
    async with _gate():
        output = await _run_decoder(data, rules)
    return _read_answer(output)


async def fit(png: bytes, width: int, height: int) -> bytes:
    """A trusted PNG scaled to cover width × height, with what stands over cut off evenly."""
    return await asyncio.to_thread(_fit, png, width, height)


_gates: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


def _gate() -> asyncio.Semaphore:
    """Bounds the decoders of this event loop; gates of closed loops are forgotten."""
    loop = asyncio.get_running_loop()
    if loop not in _gates:
        for closed in [other for other in _gates if other.is_closed()]:
            del _gates[closed]
        _gates[loop] = asyncio.Semaphore(_DECODERS)
    return _gates[loop]


async def _run_decoder(data: bytes, rules: UploadRules) -> bytes:
    caps = (rules.max_pixels, rules.max_side, rules.memory, max(1, int(rules.seconds)))
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", _PROGRAM, *map(str, caps)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
        )
    except OSError as error:
        raise Unavailable(
            "Pictures cannot be read right now. Please try again later.", detail=str(error)
        ) from error
    try:
        async with asyncio.timeout(rules.seconds):
            output, _ = await process.communicate(data)
    except TimeoutError as error:
        raise BadImage(detail=f"decoder overran {rules.seconds} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise BadImage(detail=f"decoder ended with {process.returncode}")
    return output


def _environment() -> dict[str, str]:
    """What Python needs to find its modules; no tokens, no keys of the host."""
    wanted = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "SYSTEMROOT", "LD_LIBRARY_PATH")
    kept = {name: os.environ[name] for name in wanted if name in os.environ}
    # The child must find this very package, wherever the bot was started.
    kept["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return kept


def _read_answer(output: bytes) -> Picture:
    line, _, png = output.partition(b"\n")
    try:
        header: dict[str, object] = json.loads(line)
    except ValueError as error:
        raise BadImage(detail="decoder's answer cannot be read") from error
    if "refusal" in header:
        raise BadImage(str(header["refusal"]), detail=str(header.get("detail")))
    width, height = header.get("width"), header.get("height")
    if not isinstance(width, int) or not isinstance(height, int):
        raise BadImage(detail="decoder's answer lacks a size")
    length = header.get("length")
    if isinstance(length, int):
        return Picture(png=png[:length], width=width, height=height, holes=png[length:])
    return Picture(png=png, width=width, height=height)


def _fit(png: bytes, width: int, height: int) -> bytes:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        picture = opened.convert("RGB")
    if picture.size != (width, height):
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    return encode_png(picture)
