"""Secrets from the file, from files of their own, or from the environment; never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.config.secret import Secret
from bot.config.section import Section

VARIABLE_START = "EASEL_BACKEND_"


def read_secret_file(path: Path, name: str) -> str:
    """The text of a file with nothing but a secret in it.

    Raises ``ValueError(what, instead)``; ``name`` says which file it is.
    """
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        what = f"{name} cannot be read: {error.strerror}"
        raise ValueError(what, "Name a file with the secret and nothing else in it") from error
    except UnicodeDecodeError as error:
        what = f"{name} is not UTF-8 text"
        raise ValueError(what, "Save it with the encoding UTF-8") from error
    if not text:
        raise ValueError(f"{name} is empty", "Put the secret in it")
    return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Vault:
    """Where a backend's secrets may be besides its section: the environment, and other files.

    A backend called ``my forge`` has its password in ``EASEL_BACKEND_MY_FORGE_PASSWORD`` or in
    the file that ``EASEL_BACKEND_MY_FORGE_PASSWORD_FILE`` names. The environment wins.
    """

    environ: Mapping[str, str]
    base: Path

    def read(self, section: Section, key: str, backend: str) -> Secret | None:
        """The backend's secret of that kind; None where there is none, or a problem."""
        written = section.text(key, secret=True)
        named = section.text(f"{key}_file")
        at_fault = f"{key}_file" if named and not written else key
        if written and named:
            what = f"{key} and {key}_file are both given"
            section.problem(f"{key}_file", what, "Keep the one you want to use")
            return None
        try:
            found = self._from_environment(variable_for(backend, key))
            return found or self._from_section(written, named)
        except ValueError as error:
            what, instead = error.args
            section.problem(at_fault, what, instead)
            return None

    def _from_environment(self, variable: str) -> Secret | None:
        if self.environ.get(variable):
            return _checked(self.environ[variable], variable)
        if not self.environ.get(f"{variable}_FILE"):
            return None
        file = Path(self.environ[f"{variable}_FILE"])
        name = f"{variable}_FILE names {file}, which"
        return _checked(read_secret_file(file, name), name)

    def _from_section(self, written: str | None, named: str | None) -> Secret | None:
        if named:
            file = self.base / Path(named).expanduser()
            return _checked(read_secret_file(file, f"the file {file}"), f"the file {file}")
        return _checked(written, "it") if written else None


def variable_for(backend: str, key: str) -> str:
    """The environment variable that holds a backend's secret."""
    return f"{VARIABLE_START}{re.sub(r'[^A-Z0-9]+', '_', backend.upper())}_{key.upper()}"


def _checked(text: str, name: str) -> Secret:
    """A header cannot carry anything else. The text itself is never part of the sentence."""
    secret = text.strip()
    if not secret.isprintable() or "\n" in secret:
        what = f"{name} cannot be a secret: it has line breaks or control characters"
        raise ValueError(what, "Copy it again, on one line")
    return Secret(secret)
