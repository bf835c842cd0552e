"""From a section with an address to the backend behind it."""

from __future__ import annotations

from pathlib import Path

from bot.config import EngineConfig, Secret
from bot.engines import build_engine, deadlines_of, patience_of, server_of
from generation.backends.a1111 import A1111Backend
from generation.backends.chosen import Choice, ChosenBackend
from generation.backends.comfyui.backend import ComfyBackend
from generation.backends.openai_images.backend import OpenAIImagesBackend
from generation.backends.remote.auto import AutoBackend

CONFIG = EngineConfig(
    kind="auto",
    name="box",
    url="https://box/sd",
    username="ada",
    password=Secret("p"),
    verify_tls=False,
    timeout=2.0,
    job_timeout=50.0,
)


def test_an_address_alone_is_asked_what_it_is() -> None:
    assert isinstance(build_engine(CONFIG), AutoBackend)


def test_models_that_are_named_are_the_ones_that_are_offered() -> None:
    config = EngineConfig(
        kind="auto", name="box", url="http://box", models=(Choice(name="sdxl", model="sdxl"),)
    )
    backend = build_engine(config)
    assert isinstance(backend, ChosenBackend)
    assert backend.name == "box"


def test_a_comfyui_has_the_folder_of_its_workflows(tmp_path: Path) -> None:
    section = EngineConfig(
        kind="comfyui", name="box", url="http://box", own={"workflows": tmp_path}
    )
    assert isinstance(build_engine(section), ComfyBackend)


def test_a_web_ui_has_its_fields_its_batches_and_whether_others_use_it() -> None:
    own = {"payload": {"restore_faces": True}, "batch": 4, "shared": False}
    section = EngineConfig(kind="a1111", name="box", url="http://box", own=own)
    assert isinstance(build_engine(section), A1111Backend)


def test_an_openai_style_endpoint_has_what_only_it_can_be_told() -> None:
    section = EngineConfig(
        kind="openai",
        name="box",
        url="http://box/v1",
        own={
            "dialect": "localai",
            "price": 0.04,
            "partial_images": 2,
            "hosts": ("cdn.example.com",),
            "payload": {"user": "easel"},
        },
    )
    assert isinstance(build_engine(section), OpenAIImagesBackend)


def test_its_login_and_its_patience_reach_the_wire() -> None:
    server = server_of(CONFIG)
    assert (server.url, server.username, server.password) == ("https://box/sd", "ada", "p")
    assert not server.verifies
    deadlines = deadlines_of(CONFIG)
    assert (deadlines.connect, deadlines.silence, deadlines.total) == (2.0, 2.0, 4.0)
    assert patience_of(CONFIG).draw == 50.0
