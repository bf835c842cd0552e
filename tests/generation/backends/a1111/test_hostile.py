"""Whatever a web UI answers, it becomes an offer, a picture or a ``BackendError``."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings, strategies as st

from generation.backends.a1111.answers import error_of, read_answer
from generation.backends.a1111.dialects import A1111
from generation.backends.a1111.listing import Checkpoint, Listing, read_listing
from generation.backends.a1111.offer import capabilities
from generation.backends.a1111.payload import Call
from generation.backends.remote.reply import Reply
from generation.backends.remote.server import Server
from generation.backends.remote.wire import Wire
from generation.errors import BackendError
from tests.servers.loopback import served

LISTING = Listing(
    dialect=A1111,
    checkpoints=(Checkpoint(name="a", title="a", hash="", spellings=frozenset({"a"})),),
    samplers={"Euler": "Euler"},
    schedulers={},
)
CALL = Call(
    path="sdapi/v1/txt2img",
    body={"override_settings": {"sd_model_checkpoint": "a"}, "sampler_name": "Euler"},
    seeds=(1, 2),
    size=(64, 64),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["images", "info", "error", "detail", "errors", "message", "all_seeds", "msg", "loc",
     "index_of_first_image", "sd_model_name", "sampler_name", "seed"]
)  # fmt: skip
ANSWERS = st.dictionaries(KEYS, JSON | st.lists(st.dictionaries(KEYS, JSON), max_size=3))


@given(ANSWERS, ANSWERS)
@settings(max_examples=80, deadline=None)
def test_any_answer_is_pictures_or_an_error_of_ours(
    body: dict[str, Any], info: dict[str, Any]
) -> None:
    told = body | {"images": ["x", "y"], "info": json.dumps(info)}
    for answer in (body, told, info):
        with contextlib.suppress(BackendError):
            assert len(read_answer(answer, CALL, LISTING).pictures) == 2


@given(JSON | ANSWERS, st.sampled_from([400, 401, 404, 422, 429, 500, 503]))
@settings(max_examples=80, deadline=None)
def test_any_failure_is_an_error_of_ours_on_one_short_line(body: object, status: int) -> None:
    reply = Reply(
        server=Server.at("box"),
        status=status,
        media_type="application/json",
        body=json.dumps(body).encode(),
    )
    error = error_of(reply)
    assert isinstance(error, BackendError)
    assert error.detail is not None
    assert "\n" not in error.detail
    assert len(error.detail) <= 400


STRANGE: tuple[object, ...] = (
    None,
    7,
    "text",
    [],
    {},
    [None, 7, "x", [], {}],
    [{"name": 7, "model_name": None, "title": [], "label": {}, "metadata": 3, "filename": 9}],
    [{"name": "n" * 5000, "model_name": "line\nbreak", "title": "\x1b[31m"}],
    {"loaded": [], "txt2img": 3, "control_types": {"Canny": 7}, "ad_model": {}},
    {"sd_model_checkpoint": ["unhashable"], "CLIP_stop_at_last_layers": 1e300},
    {"control_types": {"Canny": {"default_model": 3}}, "ad_model": [1, None]},
)


@pytest.mark.parametrize("answer", STRANGE, ids=range(len(STRANGE)))
async def test_any_list_is_read_as_far_as_it_makes_sense(answer: object) -> None:
    async def reply(_: web.Request) -> web.Response:
        return web.json_response(answer)

    app = web.Application()
    app.router.add_get("/{path:.*}", reply)
    async with served(app) as url:
        wire = Wire(Server.at(url))
        try:
            offer = capabilities(await read_listing(wire, A1111))
        except BackendError:
            return
        finally:
            await wire.aclose()
    for model in offer.models:
        assert model.name.isprintable()
        assert len(model.name) <= 200
        assert model.sampler in model.samplers
