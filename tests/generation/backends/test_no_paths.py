"""Paths of the operator's machine stay in the worker and its operator's log."""

from __future__ import annotations

import dataclasses
import shutil
import typing
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

from generation import demo_model
from generation.backends.base import Capabilities, Done, Event, Failed, Work
from generation.backends.local import LocalBackend
from generation.infotext import find_text
from generation.types import Fault, JobId, Output, Params, Progress, Result
from generation.worker.protocol import Noted, Ready
from tests.generation.local_models import params


def types_in(kind: object, seen: set[object]) -> Iterator[object]:
    """The types that a value of that type is made of."""
    if kind in seen:
        return
    seen.add(kind)
    yield kind
    for inner in typing.get_args(kind):
        yield from types_in(inner, seen)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        for hint in typing.get_type_hints(kind).values():
            yield from types_in(hint, seen)


@pytest.mark.parametrize("kind", [Capabilities, Params, Progress, Result, Output, Fault])
def test_nothing_that_reaches_members_has_room_for_a_path(kind: type) -> None:
    found = list(types_in(kind, set()))
    assert len(found) >= 2
    assert [each for each in found if isinstance(each, type) and issubclass(each, PurePath)] == []


def test_what_the_worker_tells_its_operator_is_no_part_of_what_members_get() -> None:
    told = {Ready, Noted}
    assert told.isdisjoint(types_in(Capabilities, set()))


async def last_event(backend: LocalBackend, work: Work) -> Event:
    *_, last = [event async for event in backend.run(work)]
    return last


async def test_neither_the_offer_nor_a_picture_nor_a_failure_carries_one(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(demo_model.MODEL_DIR, folder / "small")
    (folder / "old.ckpt").touch()
    backend = LocalBackend("here", (), model_folders=(folder,), device="cpu", threads=1, slots=1)
    try:
        offer = await backend.capabilities()
        assert [model.name for model in offer.models] == ["small"]
        assert str(tmp_path) not in repr(offer)
        wanted = params(model="small", width=64, height=64, steps=2, seed=7)
        done = await last_event(backend, Work(job_id=JobId("a"), params=wanted))
        assert isinstance(done, Done)
        (output,) = done.result.outputs
        assert "Model: small" in (find_text(output.data) or "")
        assert str(tmp_path).encode() not in output.data
        shutil.rmtree(folder / "small")
        shutil.copytree(demo_model.MODEL_DIR, folder / "other")
        await backend.rescan()
        shutil.rmtree(folder / "other")
        gone = params(model="other", width=64, height=64, steps=2, seed=7)
        failed = await last_event(backend, Work(job_id=JobId("b"), params=gone))
        assert isinstance(failed, Failed)
        assert str(tmp_path) not in failed.error.sentence
    finally:
        await backend.aclose()
