"""A server's address and how to be let in. Its secrets show in no text made from it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

_SHORTEST_HIDDEN = 4  # a shorter one would tear every other word apart
_PORTS = {"http": 80, "https": 443}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where an engine is. ``url`` has a scheme and perhaps a path, no slash at its end.

    ``username`` and ``password`` are for HTTP's Basic login, ``token`` for a Bearer one.
    ``headers`` are sent along with every request. Without ``verifies`` any certificate will do.
    """

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    verifies: bool = True

    @classmethod
    def at(
        cls,
        address: str,
        *,
        username: str | None = None,
        password: str | None = None,
        token: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        verifies: bool = True,
    ) -> Server:
        """The server at an address as people write it: ``box:7860``, ``https://user:pw@host/sd/``.

        What follows a ``?`` or ``#`` is left out. Raises ``ValueError`` with one sentence.
        """
        written = address.strip()
        if "://" not in written:
            written = f"http://{written}"
        try:
            parts = urlsplit(written)
            port = parts.port
        except ValueError:
            raise ValueError("that is no address; write it like http://127.0.0.1:7860") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("an address begins with http:// or https:// and names a host")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        if port is not None and port != _PORTS[parts.scheme]:
            host = f"{host}:{port}"
        path = parts.path.rstrip("/")
        return cls(
            url=urlunsplit((parts.scheme, host, path, "", "")),
            username=username or (unquote(parts.username) if parts.username else None),
            password=password or (unquote(parts.password) if parts.password else None),
            token=token,
            headers=headers,
            verifies=verifies,
        )

    @property
    def host(self) -> str:
        """The host alone, for words about it."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port, also where the address does not name it."""
        parts = urlsplit(self.url)
        return parts.port or _PORTS[parts.scheme]

    @property
    def is_secure(self) -> bool:
        """Whether it is spoken to through TLS."""
        return self.url.startswith("https:")

    @property
    def is_this_machine(self) -> bool:
        """Whether the address means the machine, or the container, that Easel runs in."""
        return self.host in _LOOPBACK

    def url_of(self, path: str) -> str | None:
        """The full URL of a path below the address; None for a URL that leads elsewhere.

        A full URL is taken as it is where it has the same scheme, host and port.
        """
        if "://" not in path:
            return f"{self.url}/{path.lstrip('/')}"
        try:
            mine, other = urlsplit(self.url), urlsplit(path)
            same = (other.scheme, other.hostname, other.port or _PORTS.get(other.scheme)) == (
                mine.scheme,
                mine.hostname,
                self.port,
            )
        except ValueError:
            return None
        has_login = other.username is not None or other.password is not None
        return path if same and not has_login else None

    def login(self) -> dict[str, str]:
        """The headers that let us in. For this server alone, and never for a log."""
        headers = dict(self.headers)
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        elif self.username is not None:
            pair = f"{self.username}:{self.password or ''}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return headers

    def secrets(self) -> tuple[str, ...]:
        """Everything that must not be shown, also in the form in which it is sent."""
        sent = [value.partition(" ")[2] or value for value in self.login().values()]
        values = (self.password, self.token, *(value for _, value in self.headers), *sent)
        return tuple(value for value in values if value)

    def hide(self, text: str) -> str:
        """The text without any of the secrets: a server may repeat what it was sent."""
        for secret in sorted(self.secrets(), key=len, reverse=True):
            if len(secret) >= _SHORTEST_HIDDEN:
                text = text.replace(secret, "…")
        return text
