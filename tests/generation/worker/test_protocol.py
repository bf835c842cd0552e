"""Messages between parent and worker."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from generation.backends.base import Work
from generation.backends.scripted import TEST_CARD
from generation.types import Control, JobId, Lora, Output, Progress, Result, Setting, Task
from generation.worker import protocol
from generation.worker.plain import to_plain
from generation.worker.settings import LocalModel, WorkerSettings
from tests.generation.local_models import params

JOB = JobId("job-1")
RESULT = Result(
    outputs=(
        Output(data=b"one", media_type="image/png", width=1, height=2, seed=3),
        Output(
            data=b"",
            media_type="image/png",
            width=1,
            height=2,
            seed=4,
            flags=frozenset({"blank"}),
        ),
    ),
    seconds=1.5,
    backend="",
    notes=("a note",),
)
MESSAGES: list[protocol.Message] = [
    protocol.Configure(
        settings=WorkerSettings(
            models=(LocalModel(name="a", title="A", path=Path("/models/a")),), threads=2
        )
    ),
    protocol.Run(
        work=Work(
            job_id=JOB,
            params=params(task=Task.INPAINT, loras=(Lora(name="ink"),), prompt="日本 \x00"),
            image=b"picture",
            mask=b"",
        )
    ),
    protocol.Run(
        work=Work(
            job_id=JOB,
            params=params(
                task=Task.EDIT,
                references=2,
                controls=(Control(kind="canny", end=0.5),),
                options=tuple(
                    Setting(name="any", value=value) for value in (True, 1, 0.5, "text", 1.0)
                ),
            ),
            references=(b"one", b"two"),
            controls=(b"lines",),
        )
    ),
    protocol.Cancel(job_id=JOB),
    protocol.Ping(number=1),
    protocol.Rescan(),
    protocol.Stop(),
    protocol.Ready(models=(TEST_CARD,), problems=("one",), device="cpu", notes=("two",)),
    protocol.Offered(models=(TEST_CARD,), problems=(), notes=("one",)),
    protocol.Noted(model="tiny", text="compiled"),
    protocol.Broken(detail="no"),
    protocol.Resident(model="a"),
    protocol.Advanced(job_id=JOB, progress=Progress(step=1, steps=2, preview=b"jpeg")),
    protocol.Advanced(job_id=JOB, progress=Progress(step=1, steps=2, eta_seconds=3)),
    protocol.Finished(job_id=JOB, result=RESULT),
    protocol.Stopped(job_id=JOB),
    protocol.Fell(job_id=JOB, code="c", sentence="s", detail="d"),
    protocol.Leaving(reason="r"),
    protocol.Pong(number=1, silent_seconds=0.5),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_survives_the_pipe(message: protocol.Message) -> None:
    stream = io.BytesIO(protocol.encode(message) * 2)
    assert protocol.read(stream) == message
    assert protocol.read(stream) == message
    assert protocol.read(stream) is None


def test_every_kind_of_message_is_tried_above() -> None:
    assert {type(message) for message in MESSAGES} == set(protocol._KINDS.values())


@pytest.mark.parametrize("cut", [1, 7, 20, -1])
def test_a_torn_frame_is_an_error(cut: int) -> None:
    frame = protocol.encode(protocol.Finished(job_id=JOB, result=RESULT))
    with pytest.raises(protocol.ProtocolError, match="inside a frame"):
        protocol.read(io.BytesIO(frame[:cut]))


def test_a_frame_past_the_caps_is_refused_before_it_is_read() -> None:
    for sizes in ((2**32 - 1, 0), (10, 2**32 - 1)):
        with pytest.raises(protocol.ProtocolError, match="too large"):
            protocol.read(io.BytesIO(protocol.PREFIX.pack(*sizes)))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"null",
        b"[]",
        b'{"kind": "Explode", "fields": {}, "parts": []}',
        b'{"kind": "Ping", "fields": {}, "parts": []}',
        b'{"kind": "Ping", "fields": {"number": "1"}, "parts": []}',
        b'{"kind": "Ping", "fields": {"number": true}, "parts": []}',
        b'{"kind": "Ping", "fields": {"number": 1, "more": 2}, "parts": []}',
        b'{"kind": "Ping", "fields": {"number": 1}, "parts": [5]}',
        b'{"kind": "Ping", "fields": {"number": 1}, "parts": [-5, 5]}',
        b"[" * 100_000,
    ],
)
def test_a_header_that_is_no_message_is_an_error(header: bytes) -> None:
    with pytest.raises(protocol.ProtocolError):
        protocol.decode(header, b"")


def test_bytes_that_are_not_there_are_an_error() -> None:
    parts: list[bytes] = []
    progress = Progress(step=1, steps=2, preview=b"jpeg")
    fields = to_plain(protocol.Advanced(job_id=JOB, progress=progress), parts)
    message = {"kind": "Advanced", "fields": fields, "parts": []}
    with pytest.raises(protocol.ProtocolError, match="not there"):
        protocol.decode(json.dumps(message).encode(), b"")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_an_end_or_an_error(data: bytes) -> None:
    try:
        message = protocol.read(io.BytesIO(data))
    except protocol.ProtocolError:
        return
    assert message is None
