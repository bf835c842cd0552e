"""What an app says for people: made plain text, and its failures made errors of ours."""

from __future__ import annotations

import html
import re

from generation.errors import BackendError, OutOfMemory, Rejected

_LONGEST = 300
_TAG = re.compile(r"<[^>]*>")
# What a person should not be shown, and could do nothing with: paths, addresses, tracebacks.
_INNER = re.compile(r"(?:/[\w.-]+){2,}|[A-Za-z]:\\|Traceback|\b0x[0-9a-f]{6,}", re.IGNORECASE)
_MEMORY = re.compile(r"out of memory|OutOfMemory|not enough memory", re.IGNORECASE)
_CHANGED = re.compile(r"didn't receive enough input values|received too many|needed: \d+, got: \d+")
_QUOTA = re.compile(r"\bquota\b", re.IGNORECASE)
_REFUSED = re.compile(
    r"^(Value:? .*(greater than maximum|less than minimum|not in the list of choices)"
    r"|Could not preprocess input)"
)


def said(value: object) -> str:
    """The text of a message, its markup taken out; "" for none, and for what is no text."""
    if not isinstance(value, str):
        return ""
    text = " ".join(html.unescape(_TAG.sub(" ", value)).split())
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()  # up to 5.0 errors come as Python writes them
    text = re.sub(r" ([.,;:!?])", r"\1", text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"


def failure(output: object) -> BackendError:
    """The error that an answer without success means: ``{"error": …}``, a text, or nothing."""
    text = said(output.get("error") if isinstance(output, dict) else output)
    if not text:
        return BackendError(detail="The app failed and hides the reason; look at its own log.")
    if _MEMORY.search(text):
        return OutOfMemory(detail="the app ran out of memory")
    if _CHANGED.search(text):
        detail = "The app's inputs have changed; it is asked anew within minutes."
        return BackendError(detail=detail)
    if _REFUSED.search(text):
        detail = "The app does not accept a value for one of its inputs; see easel check."
        return BackendError(detail=detail)
    return rejected(text)


def rejected(text: str) -> Rejected:
    """The app's own words for whoever asked, as far as they are fit to be shown."""
    hint = " An access token of the Space's host raises the quota." if _QUOTA.search(text) else ""
    detail = f"The app answered with an error of its own.{hint}"
    if not text or _INNER.search(text):
        return Rejected(detail=detail)
    return Rejected(f"The image generator says: {text}", detail=detail)
