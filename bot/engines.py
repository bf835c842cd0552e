"""Builds the backends that are another program behind an address."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from bot.config import EngineConfig
from generation.backends.a1111 import A1111Backend
from generation.backends.base import Backend
from generation.backends.chosen import ChosenBackend
from generation.backends.comfyui.backend import ComfyBackend
from generation.backends.gradio.backend import GradioBackend
from generation.backends.openai_images.backend import OpenAIImagesBackend
from generation.backends.openai_images.dialects import DIALECTS
from generation.backends.remote.auto import AutoBackend
from generation.backends.remote.probe import Kind
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience
from generation.backends.remote.wire import Deadlines

Make = Callable[[EngineConfig], Backend]

_HOSTED_SLOTS = 2  # such a service draws for several at once


def build_engine(config: EngineConfig) -> Backend:
    """The backend for that section. Nothing is asked of it yet."""
    backend = _undressed(config)
    if not config.models:
        return backend
    return ChosenBackend(backend, config.models)


def _undressed(config: EngineConfig) -> Backend:
    if config.kind != "auto":
        return MAKERS[Kind(config.kind)](config)
    return AutoBackend(
        config.name,
        server_of(config),
        {kind: functools.partial(make, config) for kind, make in MAKERS.items()},
        patience=patience_of(config),
        deadlines=deadlines_of(config),
    )


def server_of(config: EngineConfig) -> Server:
    """Where the engine is, with its secrets laid open: for its backend alone."""
    return Server.at(
        config.url,
        username=config.username,
        password=config.password.reveal() if config.password else None,
        token=config.token.reveal() if config.token else None,
        verifies=config.verify_tls,
    )


def deadlines_of(config: EngineConfig) -> Deadlines:
    """How long the engine may take for an answer."""
    usual = Deadlines()
    return Deadlines(
        connect=min(usual.connect, config.timeout), silence=config.timeout, total=2 * config.timeout
    )


def patience_of(config: EngineConfig) -> Patience:
    """How long the engine may take for a job."""
    return Patience(draw=config.job_timeout, rid=max(config.job_timeout, Patience().rid))


def _comfyui(config: EngineConfig) -> Backend:
    folder = config.own.get("workflows")
    return ComfyBackend(
        config.name,
        server_of(config),
        workflows=folder if isinstance(folder, Path) else None,
        slots=config.slots or 1,
        patience=patience_of(config),
        deadlines=deadlines_of(config),
    )


def _gradio(config: EngineConfig) -> Backend:
    endpoint, mapping = config.own.get("endpoint"), config.own.get("map")
    return GradioBackend(
        config.name,
        server_of(config),
        endpoint=endpoint if isinstance(endpoint, str) else None,
        mapping=mapping if isinstance(mapping, dict) else None,
        slots=config.slots or 1,
        patience=patience_of(config),
        deadlines=deadlines_of(config),
    )


def _a1111(config: EngineConfig) -> Backend:
    payload, batch = config.own.get("payload"), config.own.get("batch")
    return A1111Backend(
        config.name,
        server_of(config),
        slots=config.slots or 1,
        together=batch if isinstance(batch, int) else 1,
        is_ours=config.own.get("shared") is False,
        payload=payload if isinstance(payload, Mapping) else None,
        patience=patience_of(config),
        deadlines=deadlines_of(config),
    )


def _openai(config: EngineConfig) -> Backend:
    own = config.own
    return OpenAIImagesBackend(
        config.name,
        server_of(config),
        dialect=DIALECTS.get(str(own.get("dialect"))),
        payload=cast("Mapping[str, object] | None", own.get("payload")),
        price=cast("float | None", own.get("price")),
        partial_images=cast("int", own.get("partial_images", 0)),
        hosts=cast("tuple[str, ...]", own.get("hosts", ())),
        slots=config.slots or _HOSTED_SLOTS,
        patience=patience_of(config),
        deadlines=deadlines_of(config),
    )


MAKERS: Mapping[Kind, Make] = {
    Kind.A1111: _a1111,
    Kind.COMFYUI: _comfyui,
    Kind.GRADIO: _gradio,
    Kind.OPENAI: _openai,
}
"""How the backend of each kind is made."""
