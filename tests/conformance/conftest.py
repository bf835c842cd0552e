"""The backends that must all behave alike. A new backend joins by adding its maker here."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import pytest_asyncio

from generation import demo_model
from generation.backends.base import Backend, ModelInfo
from generation.backends.chosen import Choice, ChosenBackend
from generation.backends.local import LocalBackend
from generation.backends.remote.auto import AutoBackend
from generation.backends.remote.probe import Kind
from generation.backends.remote.server import Server
from generation.backends.scripted import TEST_CARD, ScriptedBackend
from generation.worker.settings import LocalModel
from tests.conformance.remotes import TWINS
from tests.generation.local_models import tiny_model, tiny_tools
from tests.servers.a1111 import A1111Twin
from tests.servers.twin import Twin

Maker = Callable[[pytest.TempPathFactory], AbstractAsyncContextManager[Backend]]
"""A backend, with what is behind it, for as long as the block lasts."""


def _alone(make: Callable[[pytest.TempPathFactory], Backend]) -> Maker:
    @asynccontextmanager
    async def made(folders: pytest.TempPathFactory) -> AsyncIterator[Backend]:
        backend = make(folders)
        try:
            yield backend
        finally:
            await backend.aclose()

    return made


def _before(twin: type[Twin]) -> Maker:
    @asynccontextmanager
    async def made(_folders: pytest.TempPathFactory) -> AsyncIterator[Backend]:
        server = twin()
        async with server.running() as url:
            backend = server.backend("remote", Server.at(url))
            try:
                yield backend
            finally:
                await backend.aclose()

    return made


@asynccontextmanager
async def _auto(_folders: pytest.TempPathFactory) -> AsyncIterator[Backend]:
    """One of which only the address is told."""
    server = A1111Twin()
    async with server.running() as url:
        make = functools.partial(server.backend, "remote", Server.at(url))
        backend = AutoBackend("remote", Server.at(url), {Kind.A1111: make})
        try:
            yield backend
        finally:
            await backend.aclose()


def _scripted(_folders: pytest.TempPathFactory) -> Backend:
    return ScriptedBackend(slots=2, step_seconds=0.0)


def _chosen(_folders: pytest.TempPathFactory) -> Backend:
    return ChosenBackend(
        ScriptedBackend(slots=2, step_seconds=0.0),
        [Choice(name="mine", model=TEST_CARD.name, title="My own", steps=4)],
    )


def _local(folders: pytest.TempPathFactory) -> Backend:
    base = folders.getbasetemp()
    return LocalBackend("local", [tiny_model(base)], tools=tiny_tools(base), threads=1)


def _demo(_folders: pytest.TempPathFactory) -> Backend:
    model = LocalModel(
        name="demo",
        title="Demo",
        path=demo_model.MODEL_DIR,
        width=demo_model.DEFAULT_WIDTH,
        height=demo_model.DEFAULT_HEIGHT,
        sampler="Euler",
        min_side=demo_model.SMALLEST_SIDE,
        max_side=demo_model.LARGEST_SIDE,
        multiple_of=demo_model.SIDE_MULTIPLE,
    )
    return LocalBackend("demo", [model], threads=1, slots=2)


MAKERS: dict[str, Maker] = {
    "scripted": _alone(_scripted),
    "chosen": _alone(_chosen),
    "local": _alone(_local),
    "demo": _alone(_demo),
    "auto": _auto,
    **{name: _before(twin) for name, twin in TWINS.items()},
}


@pytest.fixture(scope="module", params=MAKERS)
def maker(request: pytest.FixtureRequest) -> Maker:
    return MAKERS[request.param]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend(maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backend]:
    async with maker(tmp_path_factory) as made:
        yield made


@pytest.fixture
def model(backend: Backend) -> Callable[[], Awaitable[ModelInfo]]:
    async def first() -> ModelInfo:
        return (await backend.capabilities()).models[0]

    return first
