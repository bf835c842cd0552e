"""Reads the backends that are another program behind an address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from bot.config.credentials import Vault
from bot.config.model import EngineConfig
from bot.config.secret import Secret
from bot.config.section import Section
from generation.backends.a1111.payload import OWNED
from generation.backends.chosen import Choice
from generation.backends.openai_images.dialects import DIALECTS
from generation.backends.remote.server import Server

AUTO = "auto"
ENGINES = (AUTO, "a1111", "gradio", "comfyui", "openai")
"""The kinds of backend that have an address."""

MOST_SLOTS = 64
MOST_BATCH = 16

# Keys that mean something to some kinds only.
_OWN_KEYS: Mapping[str, tuple[str, ...]] = {
    "endpoint": ("gradio",),
    "map": ("gradio",),
    "workflows": ("comfyui",),
    "payload": ("a1111", "openai"),
    "batch": ("a1111",),
    "shared": ("a1111",),
    "price": ("openai",),
    "dialect": ("openai",),
    "partial_images": ("openai",),
    "hosts": ("openai",),
}


def read_engine(
    section: Section, kind: str, name: str | None, vault: Vault, read: list[Section]
) -> EngineConfig:
    """The backend in that section. Parts of it that were read are added to ``read``."""
    server = section.mapped("url", _server, secret=True)
    if server is None and "url" not in section:
        section.problem(
            "url", "the engine's address is missing", 'Write url = "http://127.0.0.1:7860"'
        )
    name = name or default_name(kind, server)
    password = vault.read(section, "password", name)
    username = section.text("username")
    token = vault.read(section, "token", name)
    if server is not None:
        username = username or server.username
        password = password or (Secret(server.password) if server.password else None)
    _check_login(section, username, password, token)
    own = {key: _own(section, key, kind, vault.base) for key in _OWN_KEYS}
    return EngineConfig(
        kind=kind,
        name=name,
        url="" if server is None else server.url,
        username=username,
        password=password,
        token=token,
        verify_tls=section.flag("verify_tls", default=True),
        weight=read_weight(section),
        slots=section.optional_whole("slots", lowest=1, highest=MOST_SLOTS, example=1),
        timeout=section.number("timeout", default=15.0, lowest=1, highest=600),
        job_timeout=section.number("job_timeout", default=900.0, lowest=10, highest=86_400),
        models=_models(section, read),
        own={key: value for key, value in own.items() if value is not None},
    )


def engine_at(address: str) -> EngineConfig:
    """A backend of which nothing but the address is known. Raises ``ValueError(what, instead)``."""
    server = _server(address)
    return EngineConfig(
        kind=AUTO,
        name=default_name(AUTO, server),
        url=server.url,
        username=server.username,
        password=Secret(server.password) if server.password else None,
    )


def read_weight(section: Section) -> float:
    """How readily a backend is given jobs, 1 for most."""
    return section.number("weight", default=1.0, lowest=0.01, highest=100)


def default_name(kind: str, server: Server | None) -> str:
    """What a backend is called that has no name: its kind, or where it is."""
    if kind != AUTO or server is None:
        return kind
    host = server.host.replace(":", ".").strip(".") or AUTO
    return f"{host}-{server.port}"[:60]


def _server(address: str) -> Server:
    """The server, with the login that its address may hold, which must not be shown."""
    try:
        server = Server.at(address)
    except ValueError as error:
        raise ValueError(f"{error}", "Write an address such as http://127.0.0.1:7860") from None
    if urlsplit(address).query:
        raise ValueError("the address has a ? in it", "Write it without what follows the ?")
    return server


def _check_login(
    section: Section, username: str | None, password: Secret | None, token: Secret | None
) -> None:
    if token is not None and password is not None:
        section.problem(
            "token", "a token and a password are both given", "Keep the one that the engine wants"
        )
    elif password is not None and username is None:
        section.problem(
            "username", "there is a password, but no name to it", 'Write username = "…"'
        )


def _own(section: Section, key: str, kind: str, base: Path) -> object:
    """A key that only some kinds have, in the shape that it has there."""
    kinds = _OWN_KEYS[key]
    if key in section and kind not in kinds:
        wanted = " or ".join(f'kind = "{each}"' for each in kinds)
        section.problem(key, f"this is for {wanted}", f"Write {wanted}, or take {key} out")
    read = _READERS.get(key)
    return section.text(key) if read is None else read(section, kind, base)


def _shared(section: Section) -> bool | None:
    is_shared = section.flag("shared", default=True)
    return is_shared if "shared" in section else None


def _payload(section: Section, kind: str) -> Mapping[str, object] | None:
    """Fields for every request. What members ask for, and what we must know, is not among them."""
    payload = section.table("payload")
    if kind == "a1111" and (taken := sorted(OWNED & set(payload or {}))):
        section.problem("payload", f"Easel sets {', '.join(taken)} itself", "Take it out")
    return payload


def _folder(section: Section, key: str, base: Path) -> Path | None:
    written = section.text(key)
    if written is None:
        return None
    folder = base / Path(written).expanduser()
    if not folder.is_dir():
        section.problem(key, f"there is no folder {folder}", "Make it, or take the line out")
    return folder


def _models(section: Section, read: list[Section]) -> tuple[Choice, ...]:
    parts = section.sections("models") or ()
    read.extend(parts)
    models: list[Choice] = []
    for part in parts:
        model = _model(part)
        if any(model.name == other.name for other in models):
            part.problem("name", f'two models are named "{model.name}"', "Give one another name")
        models.append(model)
    return tuple(models)


def _model(part: Section) -> Choice:
    name = part.text("name")
    if name is None and "name" not in part:
        part.problem("name", "the model's name is missing", 'Write name = "my-model"')
    return Choice(
        name=name or "",
        model=part.text("model") or name or "",
        title=part.text("title"),
        width=part.optional_whole("width", lowest=64, highest=4096, example=512),
        height=part.optional_whole("height", lowest=64, highest=4096, example=512),
        max_side=part.optional_whole("max_side", lowest=64, highest=8192, example=2048),
        steps=part.optional_whole("steps", lowest=1, highest=150, example=25),
        guidance_scale=part.optional_number("guidance_scale", lowest=0, highest=30, example=7),
        strength=part.optional_number("strength", lowest=0.01, highest=1, example=0.6),
        sampler=part.text("sampler"),
        scheduler=part.text("scheduler"),
    )


_READERS: Mapping[str, Callable[[Section, str, Path], object]] = {
    "map": lambda section, _kind, _base: section.texts_by_name("map"),
    "payload": lambda section, kind, _base: _payload(section, kind),
    "batch": lambda section, _kind, _base: section.optional_whole(
        "batch", lowest=1, highest=MOST_BATCH, example=4
    ),
    "shared": lambda section, _kind, _base: _shared(section),
    "price": lambda section, _kind, _base: section.optional_number(
        "price", lowest=0, highest=1000, example=0.04
    ),
    "dialect": lambda section, _kind, _base: section.choice(
        "dialect", tuple(DIALECTS), default=None
    ),
    "partial_images": lambda section, _kind, _base: section.optional_whole(
        "partial_images", lowest=0, highest=3, example=2
    ),
    "hosts": lambda section, _kind, _base: section.texts("hosts") or None,
    "workflows": lambda section, _kind, base: _folder(section, "workflows", base),
}
"""How each key that only some kinds have is read; those that are not here are texts."""
