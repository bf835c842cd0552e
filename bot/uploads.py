"""Pictures that members point at: found in a message, fetched from Discord's own hosts only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import aiohttp
import discord
from yarl import URL

from generation.errors import BadImage

MOST_BYTES: Final = 20 * 1024 * 1024
_SECONDS = 20.0
_FIRST_LOOK = 64 * 1024
_HOSTS = ("discordapp.com", "discordapp.net", "discord.com")
_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
_FAILED = "That picture could not be fetched. Please upload it again."


@dataclass(frozen=True, kw_only=True, slots=True)
class Pointer:
    """Where on Discord a picture lies, and its size in bytes where that is known."""

    url: str
    size: int | None = None


def of_attachment(attachment: discord.Attachment) -> Pointer:
    """An uploaded file. Raises ``BadImage`` for one that is no picture or too large."""
    if not _is_picture(attachment):
        raise BadImage("That file is no picture. Please use a PNG, JPEG or WebP file.")
    return _small_enough(Pointer(url=attachment.url, size=attachment.size))


def find(message: discord.Message) -> Pointer | None:
    """The first picture that a message shows; None if there is none.

    Raises ``BadImage`` when it is too large.
    """
    first = next(find_all(message), None)
    return None if first is None else _small_enough(first)


def find_all(message: discord.Message) -> Iterator[Pointer]:
    """Every picture that a message shows, however it shows it, of whatever size, once."""
    seen: set[str] = set()
    for pointer in _shown(message):
        if pointer.url not in seen:
            seen.add(pointer.url)
            yield pointer


def _shown(message: discord.Message) -> Iterator[Pointer]:
    sources: list[discord.Message | discord.MessageSnapshot] = [
        message,
        *message.message_snapshots,
    ]
    for source in sources:
        for attachment in source.attachments:
            if _is_picture(attachment):
                yield Pointer(url=attachment.url, size=attachment.size)
        for url in (*_gallery_urls(source.components), *_embed_urls(source.embeds)):
            yield Pointer(url=url)


class Fetcher:
    """Downloads pictures. ``home`` is a further host that counts as Discord's, for the sandbox."""

    def __init__(self, home: str | None = None) -> None:
        self._home = URL(home).origin() if home else None
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, pointer: Pointer, enough: Callable[[bytes], bool] | None = None) -> bytes:
        """The picture's bytes, undecoded. Raises ``BadImage``.

        ``enough`` is asked about the bytes so far each time they have doubled; once it says yes
        the rest is not fetched.
        """
        url = URL(pointer.url)
        if not self._is_ours(url):
            raise BadImage("Only pictures uploaded to Discord can be used. Please upload it here.")
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS))
        try:
            async with self._session.get(url, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise BadImage(_FAILED, detail=f"status {answer.status}")
                return await _bounded(answer, enough)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BadImage(_FAILED, detail=type(error).__name__) from error

    async def aclose(self) -> None:
        """Close its connections. Safe to call twice."""
        if self._session is not None:
            await self._session.close()

    def _is_ours(self, url: URL) -> bool:
        if self._home is not None and url.is_absolute() and url.origin() == self._home:
            return True
        return _is_discords(url)


async def _bounded(answer: aiohttp.ClientResponse, enough: Callable[[bytes], bool] | None) -> bytes:
    data = bytearray()
    ask_at = _FIRST_LOOK
    async for chunk in answer.content.iter_chunked(_FIRST_LOOK):
        data += chunk
        if len(data) > MOST_BYTES:
            raise _too_large()
        if enough is not None and len(data) >= ask_at:
            if enough(bytes(data)):
                break
            ask_at = 2 * len(data)
    return bytes(data)


def _is_discords(url: URL) -> bool:
    host = url.host or ""
    return url.scheme == "https" and any(
        host == known or host.endswith(f".{known}") for known in _HOSTS
    )


def _small_enough(pointer: Pointer) -> Pointer:
    if pointer.size is not None and pointer.size > MOST_BYTES:
        raise _too_large()
    return pointer


def _too_large() -> BadImage:
    return BadImage(f"That file is too large. The most is {MOST_BYTES // 1024**2} MiB.")


def _is_picture(attachment: discord.Attachment) -> bool:
    kind = attachment.content_type or ""
    return kind.startswith("image/") or attachment.filename.lower().endswith(_ENDINGS)


def _embed_urls(embeds: Iterable[discord.Embed]) -> Iterator[str]:
    for embed in embeds:
        for media in (embed.image, embed.thumbnail):
            if media.proxy_url or media.url:
                yield _place(media.url or "", media.proxy_url)


def _gallery_urls(components: Iterable[object]) -> Iterator[str]:
    for component in components:
        if isinstance(component, discord.MediaGalleryComponent):
            yield from (_place(item.media.url, item.media.proxy_url) for item in component.items)
        elif isinstance(component, discord.SectionComponent):
            yield from _gallery_urls([component.accessory])
        elif isinstance(component, discord.ThumbnailComponent):
            yield _place(component.media.url, component.media.proxy_url)
        elif isinstance(component, discord.Container):
            yield from _gallery_urls(component.children)


def _place(url: str, proxy_url: str | None) -> str:
    """The original where it lies with Discord, else Discord's copy: strangers' hosts are shunned.

    A copy may be smaller, and lacks the settings that the original holds.
    """
    return url if proxy_url is None or _is_discords(URL(url)) else proxy_url
