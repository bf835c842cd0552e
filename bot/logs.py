"""Logging: one line per event on stderr, as text or JSON, with every secret taken out."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import sys
import time
from collections.abc import Iterable
from typing import TextIO

REMOVED = "[removed]"

_SECRET_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # A bot token: its user id in base64, a time stamp, a signature.
    (re.compile(r"\b(?:Bot\s+)?[\w-]{23,30}\.[\w-]{6}\.[\w-]{27,45}"), REMOVED),
    # Addresses that carry an interaction's or a webhook's token.
    (re.compile(r"(/webhooks/\d+/)[^/?\s\"']+"), rf"\1{REMOVED}"),
    (re.compile(r"(/interactions/\d+/)[^/?\s\"']+"), rf"\1{REMOVED}"),
    (
        re.compile(
            r"(authorization[\"']?\s*[:=]\s*)[\"']?(?:(?:Bot|Bearer|Basic)\s+)?[^\s\"',)]+",
            re.IGNORECASE,
        ),
        rf"\1{REMOVED}",
    ),
    # A password in an address.
    (re.compile(r"(\w+://[^\s/:@]*:)[^\s/@]+(?=@)"), rf"\1{REMOVED}"),
)
# A line break inside a message would let a foreign text pose as a line of its own.
_ONE_LINE = {code: f"\\x{code:02x}" for code in range(32)} | {10: "\\n", 0x2028: " ", 0x2029: " "}
# Libraries, and the lowest level they may log at: below it discord.py logs whole bodies and
# addresses, and SQLAlchemy every value it stores.
_QUIET_LOGGERS = {
    "discord": logging.INFO,
    "aiohttp": logging.INFO,
    "asyncio": logging.INFO,
    "PIL": logging.INFO,
    "alembic": logging.WARNING,
    "sqlalchemy": logging.WARNING,
}


class Redactor:
    """Takes secrets out of a text: those of known shape, and those it was given."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(sorted((text for text in secrets if len(text) >= 4), key=len))[::-1]

    def __call__(self, text: str) -> str:
        """The text with every secret replaced."""
        for secret in self._secrets:
            text = text.replace(secret, REMOVED)
        for pattern, replacement in _SECRET_PATTERNS:
            text = pattern.sub(replacement, text)
        return text


class TextFormatter(logging.Formatter):
    """``time level logger message``, then the traceback where there is one."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S"
        )
        self.converter = _utc
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """The whole entry, its traceback included."""
        return self._redact(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """The first line, kept to one line."""
        record.message = record.message.translate(_ONE_LINE)
        return super().formatMessage(record)


class JsonFormatter(logging.Formatter):
    """One JSON object per line; ``event key=value`` messages keep their text in ``message``."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """The entry as one line of JSON."""
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
        entry = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(record.getMessage()),
        }
        if record.exc_info:
            entry["traceback"] = self._redact(self.formatException(record.exc_info))
        if record.stack_info:
            entry["stack"] = self._redact(record.stack_info)
        return json.dumps(entry, ensure_ascii=False)


def set_up_logging(
    *, level: str, style: str, secrets: Iterable[str] = (), stream: TextIO | None = None
) -> logging.Handler:
    """Send every logger's lines from ``level`` up to ``stream`` (stderr) and return the handler.

    ``style`` is ``text`` or ``json``. Libraries keep to ``_QUIET_LOGGERS`` even at ``debug``.
    """
    redact = Redactor(secrets)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(redact) if style == "json" else TextFormatter(redact))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name, lowest in _QUIET_LOGGERS.items():
        logging.getLogger(name).setLevel(max(lowest, root.level))
    logging.captureWarnings(True)
    return handler


def _utc(seconds: float | None) -> time.struct_time:
    return time.gmtime(seconds)
