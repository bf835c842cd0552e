"""Signed URLs, and what files are taken for."""

from __future__ import annotations

import aiohttp
import pytest

from bot.sandbox import LocalFile, ManualClock, Sandbox
from bot.sandbox.cdn import safe_name
from bot.sandbox.picture import examine
from tests.sandbox.pictures import PNG


async def _status(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status


async def test_a_url_works_for_a_day(sandbox: Sandbox, clock: ManualClock) -> None:
    bob = sandbox.member("bob")
    sent = await bob.send(files=[LocalFile("a.png", PNG)])
    url = sent.attachments[0].url
    assert await bob.download(url) == PNG
    clock.advance(24 * 3600)
    assert await _status(url) == 404
    fresh = (await bob.messages())[-1].attachments[0].url
    assert await bob.download(fresh) == PNG


async def test_a_url_without_its_signature_or_with_another_s_is_refused(
    sandbox: Sandbox,
) -> None:
    bob = sandbox.member("bob")
    sent = await bob.send(files=[LocalFile("a.png", PNG), LocalFile("b.png", PNG)])
    first, second = (item.url for item in sent.attachments)
    assert await _status(first.partition("?")[0]) == 404
    swapped = second.partition("?")[0] + "?" + first.partition("?")[2]
    assert await _status(swapped) == 404
    assert await _status(first.replace("ex=", "ex=f")) == 404


async def test_pictures_carry_their_size_and_type(sandbox: Sandbox) -> None:
    sent = await sandbox.member("bob").send(files=[LocalFile("wrong-name.txt", PNG)])
    raw = sent.attachments[0].raw
    assert (raw["content_type"], raw["width"], raw["height"]) == ("image/png", 8, 8)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("my cat.png", "my_cat.png"),
        ("../../etc/passwd", "passwd"),
        ("ünïcode.png", "ncode.png"),
        ("SPOILER_a.png", "SPOILER_a.png"),
        ("...", "unknown"),
    ],
)
def test_names_are_made_safe(given: str, kept: str) -> None:
    assert safe_name(given) == kept


@pytest.mark.parametrize(
    ("data", "name", "content_type", "size"),
    [
        (b"GIF89a" + bytes([3, 0, 5, 0]), "x", "image/gif", (3, 5)),
        (
            b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + bytes([9, 0, 0, 19, 0, 0]),
            "x",
            "image/webp",
            (10, 20),
        ),
        (
            b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x07\x00\x09" + bytes(10),
            "x",
            "image/jpeg",
            (9, 7),
        ),
        (b"hello", "x.txt", "text/plain; charset=utf-8", (None, None)),
        (b"hello", "x", "application/octet-stream", (None, None)),
        (b"\x89PNG", "x.png", "image/png", (None, None)),
    ],
)
def test_files_are_recognised(
    data: bytes, name: str, content_type: str, size: tuple[int | None, int | None]
) -> None:
    facts = examine(data, name)
    assert (facts.content_type, (facts.width, facts.height)) == (content_type, size)


async def test_everybody_has_an_avatar(sandbox: Sandbox) -> None:
    alice = sandbox.member("alice")
    state = await alice.refresh()
    me = state["me"]
    assert isinstance(me, dict)
    assert (await alice.download(str(me["avatar_url"]))).startswith(b"\x89PNG")
