"""The CDN: stored attachments behind signed URLs that expire, and avatars."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

from bot.sandbox import picture
from bot.sandbox.clock import Clock
from bot.sandbox.snowflake import Snowflakes
from bot.sandbox.wire import JsonObject

URL_LIFETIME = 24 * 3600
_REFERENCE = "stored-attachment:"
_AVATAR_COLOURS = (
    (88, 101, 242),
    (116, 127, 141),
    (59, 165, 92),
    (250, 166, 26),
    (237, 66, 69),
    (235, 69, 158),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as it came in a request: the n of its part `files[n]`, its name and bytes."""

    index: int
    filename: str
    data: bytes


@dataclass(slots=True, kw_only=True)
class Attachment:
    """A stored file. `title` is the name it was given where that had to be changed."""

    id: str
    channel_id: str
    filename: str
    data: bytes
    facts: picture.MediaFacts
    title: str | None = None
    description: str | None = None
    ephemeral: bool = False

    @property
    def reference(self) -> str:
        """How stored embeds and components name this file; `Cdn.resolve` turns it into media."""
        return f"{_REFERENCE}{self.id}"


class Cdn:
    """Stores files and signs their URLs. `base` is set once the server knows its port."""

    def __init__(self, clock: Clock, snowflakes: Snowflakes) -> None:
        self._clock = clock
        self._snowflakes = snowflakes
        self._key = secrets.token_bytes(32)
        self._stored: dict[str, Attachment] = {}
        self._avatars: dict[tuple[str, str], bytes] = {}
        self.base = ""

    def store(
        self,
        upload: Upload,
        *,
        channel_id: str,
        filename: str | None = None,
        description: str | None = None,
        ephemeral: bool = False,
    ) -> Attachment:
        """Keep a file under a name that is safe in a URL."""
        given = filename or upload.filename
        name = safe_name(given)
        attachment = Attachment(
            id=self._snowflakes.next(),
            channel_id=channel_id,
            filename=name,
            title=None if name == given else given.rsplit(".", 1)[0],
            data=upload.data,
            facts=picture.examine(upload.data, name),
            description=description,
            ephemeral=ephemeral,
        )
        self._stored[attachment.id] = attachment
        return attachment

    def discard(self, attachment: Attachment) -> None:
        """Forget a file."""
        self._stored.pop(attachment.id, None)

    def url(self, attachment: Attachment) -> str:
        """Return a URL that is good for a day from now."""
        path = _path(attachment)
        issued = int(self._clock.now())
        expires = issued + URL_LIFETIME
        return (
            f"{self.base}{path}?ex={expires:x}&is={issued:x}&hm={self._sign(path, expires, issued)}"
        )

    def fetch(self, path: str, query: dict[str, str]) -> Attachment | None:
        """Return the file of a URL whose signature holds and has not expired, else None."""
        attachment = self.find(path)
        try:
            expires, issued = int(query["ex"], 16), int(query["is"], 16)
        except (KeyError, ValueError):
            return None
        genuine = hmac.compare_digest(query.get("hm", ""), self._sign(path, expires, issued))
        return attachment if genuine and self._clock.now() < expires else None

    def find(self, path: str) -> Attachment | None:
        """Return the file that lies under a URL's path, whatever the signature."""
        parts = path.split("/")
        attachment = self._stored.get(parts[3]) if len(parts) == 5 else None
        return attachment if attachment is not None and _path(attachment) == path else None

    def find_url(self, url: str) -> Attachment | None:
        """Return the file of one of our own URLs, signed or bare: Discord signs these anew."""
        if not self.base or not url.startswith(f"{self.base}/attachments/"):
            return None
        return self.find(urlsplit(url).path)

    def to_wire(self, attachment: Attachment) -> JsonObject:
        """Return Discord's attachment object, with a freshly signed URL."""
        url = self.url(attachment)
        wire: JsonObject = {
            "id": attachment.id,
            "filename": attachment.filename,
            "size": len(attachment.data),
            "url": url,
            "proxy_url": url,
            "content_type": attachment.facts.content_type,
        }
        if attachment.facts.width is not None:
            wire |= {"width": attachment.facts.width, "height": attachment.facts.height}
        if attachment.title is not None:
            wire["title"] = attachment.title
        if attachment.description is not None:
            wire["description"] = attachment.description
        if attachment.ephemeral:
            wire["ephemeral"] = True
        return wire

    def resolve(self, stored: JsonObject) -> JsonObject:
        """Turn a stored media object, `{"url": reference or URL}`, into what goes on the wire."""
        url = str(stored["url"])
        if not url.startswith(_REFERENCE):
            return stored | {"proxy_url": url}
        attachment = self._stored.get(url.removeprefix(_REFERENCE))
        if attachment is None:
            return stored
        signed = self.url(attachment)
        media: JsonObject = {
            **stored,
            "url": signed,
            "proxy_url": signed,
            "content_type": attachment.facts.content_type,
            "attachment_id": attachment.id,
        }
        if attachment.facts.width is not None:
            media |= {"width": attachment.facts.width, "height": attachment.facts.height}
        return media

    def set_avatar(self, user_id: str, data: bytes) -> str:
        """Keep an avatar and return its hash."""
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self._avatars[(user_id, digest)] = data
        return digest

    def avatar(self, user_id: str, digest: str) -> bytes | None:
        """Return an avatar that was set."""
        return self._avatars.get((user_id, digest))

    def _sign(self, path: str, expires: int, issued: int) -> str:
        text = f"{path}?{expires:x}&{issued:x}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()


def is_reference(url: str) -> bool:
    """Whether a stored URL names a stored file."""
    return url.startswith(_REFERENCE)


def default_avatar(number: int) -> bytes:
    """Return the PNG of one of Discord's default avatars."""
    return picture.flat_png(64, _AVATAR_COLOURS[number % len(_AVATAR_COLOURS)])


def safe_name(filename: str) -> str:
    """Return the name under which Discord stores a file: letters, digits, `_`, `-` and `.`."""
    name = re.sub(r"[^\w.-]", "", re.sub(r"\s+", "_", filename.rsplit("/", 1)[-1]), flags=re.ASCII)
    return name.lstrip(".") or "unknown"


def signature(url: str) -> dict[str, str]:
    """Return a signed URL's query."""
    return {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}


def _path(attachment: Attachment) -> str:
    return f"/attachments/{attachment.channel_id}/{attachment.id}/{quote(attachment.filename)}"
