"""Our reading of web UIs, and our own of them on loopback, against what real ones answered."""

from __future__ import annotations

import json

import aiohttp
import pytest

from generation.backends.a1111.answers import error_of, read_answer
from generation.backends.a1111.dialects import A1111, FORGE, SDCPP, SDNEXT, find_dialect
from generation.backends.a1111.listing import Listing, read_listing
from generation.backends.a1111.offer import capabilities
from generation.backends.a1111.payload import Call
from generation.backends.remote.reply import Reply
from generation.backends.remote.server import Server
from generation.backends.remote.wire import Wire
from generation.errors import BackendError, BadReply, OutOfMemory, Rejected, Unavailable
from tests.conformance.remotes import TWINS
from tests.servers.loopback import served
from tests.servers.recorded import exchange, names, replayed
from tests.servers.twin import Fault

SERVER = Server.at("box:7860")
SERVERS = {"a1111": A1111, "forge": FORGE, "sdcpp": SDCPP}


async def listing_of(server: str) -> Listing:
    async with served(replayed(server)) as url:
        wire = Wire(Server.at(url))
        try:
            return await read_listing(wire, await find_dialect(wire))
        finally:
            await wire.aclose()


@pytest.mark.parametrize("server", SERVERS)
async def test_each_is_told_from_the_others(server: str) -> None:
    assert (await listing_of(server)).dialect.kind is SERVERS[server].kind


async def test_sd_next_is_read_although_some_of_its_lists_fail() -> None:
    async with served(replayed("sdnext")) as url:
        wire = Wire(Server.at(url))
        listing = await read_listing(wire, SDNEXT)  # its version was not recorded
        await wire.aclose()
    assert listing.schedulers == {}
    assert "Euler a" in listing.samplers
    assert len(listing.styles) > 50
    assert listing.resident == "fullrand-sd15"


async def test_the_lists_of_the_web_ui_become_what_members_are_offered() -> None:
    listing = await listing_of("a1111")
    offer = capabilities(listing)
    assert [model.name for model in offer.models] == ["tinyrand-a", "tinyrand-b"]
    model = offer.models[0]
    assert (model.sampler, model.scheduler) == ("Euler a", "Automatic")
    assert {"DPM++ 2M", "DPM++ 3M SDE", "DDIM"} <= set(model.samplers)
    assert {"Karras", "SGM Uniform", "Beta"} <= set(model.schedulers)
    assert "R-ESRGAN 4x+" in {tool.name for tool in offer.tools}
    assert "None" not in {tool.name for tool in offer.tools}


async def test_names_of_stable_diffusion_cpp_are_shown_as_members_know_them() -> None:
    listing = await listing_of("sdcpp")
    assert listing.samplers["Euler a"] == "euler_a"
    assert listing.samplers["DPM++ 2M"] == "dpm++2m"
    assert listing.schedulers["Karras"] == "karras"
    assert listing.schedulers["Automatic"] == "default"


async def test_headings_between_styles_are_no_styles() -> None:
    listing = await listing_of("forge")
    assert listing.styles
    assert not [style for style in listing.styles if style.startswith("---")]


def call(name: str, server: str = "a1111", **changes: object) -> Call:
    sent = exchange(server, name)["request"]["body"]
    count = sent.get("n_iter", 1) * sent.get("batch_size", 1)
    seeds = tuple(sent["seed"] + number for number in range(count))
    return Call(path="sdapi/v1/txt2img", body=sent | changes, seeds=seeds, size=(64, 64))


async def test_pictures_and_seeds_are_found_where_a_grid_comes_first() -> None:
    body = exchange("a1111", "txt2img_save_grid")["body"]
    told = json.loads(body["info"])
    asked = call("txt2img_save_grid", sampler_name=told["sampler_name"])
    answer = read_answer(body, asked, await listing_of("a1111"))
    assert told["index_of_first_image"] == 1
    assert answer.pictures == tuple(body["images"][1 : 1 + len(asked.seeds)])
    assert answer.seeds == tuple(told["all_seeds"])


async def test_fewer_pictures_than_seeds_are_those_of_an_interrupted_job() -> None:
    body = exchange("a1111", "run_interrupted")["body"]
    with pytest.raises(BadReply, match="2 pictures came instead of 6"):
        read_answer(body, call("run_interrupted"), await listing_of("a1111"))


async def test_another_sampler_or_model_than_asked_for_is_noticed() -> None:
    listing = await listing_of("a1111")
    body = exchange("a1111", "err_bad_sampler")["body"]
    with pytest.raises(BadReply, match="sampler 'DPM"):
        read_answer(body, call("err_bad_sampler"), listing)
    body = exchange("a1111", "err_model_override")["body"]
    drawn = json.loads(body["info"])["sampler_name"]
    wanted_model = {"sd_model_checkpoint": "tinyrand-b"}
    asked = call("err_model_override", sampler_name=drawn, override_settings=wanted_model)
    with pytest.raises(BadReply, match="model 'tinyrand-a' instead of 'tinyrand-b'"):
        read_answer(body, asked, listing)


ERRORS: tuple[tuple[str, str, type[BackendError]], ...] = (
    ("a1111", "err_type", Rejected),
    ("a1111", "err_badjson", Rejected),
    ("a1111", "err_script", Rejected),
    ("a1111", "err_alwayson", Rejected),
    ("a1111", "err_hr_upscaler", Rejected),
    ("a1111", "img2img_noinit", Rejected),
    ("a1111", "t_huge", OutOfMemory),
    ("a1111", "err_404", Unavailable),
    ("a1111", "t_override_unknown", Rejected),
    ("a1111", "apiauth_noauth_sdapi_v1_txt2img", Unavailable),
    ("a1111", "apiauth_badauth_sdapi_v1_txt2img", Unavailable),
    ("forge", "e_script", Rejected),
    ("forge", "e_type", Rejected),
    ("forge", "e_404", Unavailable),
    ("sdnext", "e_sampler", Rejected),
    ("sdnext", "e_type", Rejected),
    ("sdcpp", "e_prompt_missing", Rejected),
    ("sdcpp", "e_404", Unavailable),
)


@pytest.mark.parametrize(("server", "name", "kind"), ERRORS)
def test_every_recorded_failure_is_understood(
    server: str, name: str, kind: type[BackendError]
) -> None:
    found = exchange(server, name)
    error = error_of(reply_of(found["status"], found["body"]))
    assert type(error) is kind, repr(error)


def test_no_recorded_failure_repeats_the_prompt() -> None:
    seen = 0
    for server in ("a1111", "forge", "sdnext", "sdcpp"):
        for name in names(server):
            found = exchange(server, name)
            sent = found.get("request", {}).get("body")
            prompt = sent.get("prompt") if isinstance(sent, dict) else None
            if not isinstance(prompt, str) or len(prompt) < 4 or found["status"] == 200:
                continue
            seen += 1
            assert prompt not in str(error_of(reply_of(found["status"], found["body"])))
    assert seen > 20 or not names("a1111")


def reply_of(status: int, body: object) -> Reply:
    written = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Reply(server=SERVER, status=status, media_type="application/json", body=written)


@pytest.mark.parametrize(
    ("twin", "drawing", "progress"),
    [
        ("a1111", "txt2img_ok", "get_progress"),
        ("forge", "t_ok", "get_progress"),
        ("sdnext", "t_ok", "get_progress"),
        ("sdcpp", "t_ok", None),
    ],
)
async def test_our_server_on_loopback_answers_in_the_recorded_shape(
    twin: str, drawing: str, progress: str | None
) -> None:
    recorded = exchange(twin, drawing)
    ours = TWINS[twin]()
    async with ours.running() as url, aiohttp.ClientSession(url) as session:
        async with session.post("/sdapi/v1/txt2img", json=recorded["request"]["body"]) as reply:
            assert reply.status == recorded["status"]
            drawn = await reply.json()
        assert set(drawn) == set(recorded["body"])
        told, wanted = json.loads(drawn["info"]), json.loads(recorded["body"]["info"])
        assert set(told) <= set(wanted)
        assert {key: type(told[key]) for key in told if told[key] is not None} == {
            key: type(wanted[key]) for key in told if told[key] is not None
        }
        if progress is not None:
            async with session.get("/sdapi/v1/progress") as reply:
                assert_same_shape(await reply.json(), exchange(twin, progress)["body"])


@pytest.mark.parametrize(
    ("twin", "fault", "recorded"),
    [
        ("a1111", Fault.REFUSES, "err_type"),
        ("a1111", Fault.NO_MEMORY, "t_huge"),
        ("forge", Fault.REFUSES, "e_type"),
        ("forge", Fault.NO_MEMORY, "e_size"),
        ("sdnext", Fault.NO_MEMORY, "e_alwayson"),
        ("sdcpp", Fault.REFUSES, "e_prompt_missing"),
    ],
)
async def test_its_failures_have_the_recorded_shape_too(
    twin: str, fault: Fault, recorded: str
) -> None:
    ours = TWINS[twin]()
    ours.fault = fault
    async with ours.running() as url, aiohttp.ClientSession(url) as session:
        order = {"prompt": "a", "steps": 1, "width": 64, "height": 64}
        async with session.post("/sdapi/v1/txt2img", json=order) as reply:
            said = await reply.json()
    assert set(said) == set(exchange(twin, recorded)["body"])


def assert_same_shape(ours: dict[str, object], theirs: dict[str, object]) -> None:
    """Every field that we answer with is one of theirs, and of the same kind."""
    for key, value in ours.items():
        assert key in theirs
        if isinstance(value, dict):
            inner = theirs[key]
            assert isinstance(inner, dict)
            assert set(value) - {"stopping_generation"} <= set(inner)
