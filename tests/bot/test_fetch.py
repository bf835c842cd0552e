"""`easel fetch`, against a Hub on loopback that answers as the real one does."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.config import Config, DataConfig, DiscordConfig, LocalConfig, ModelConfig, Secret
from bot.endings import OperatorError
from bot.fetch import fetch
from generation import demo_model
from generation.hub import files_to_fetch, snapshot_folder
from generation.worker.settings import LocalModel
from generation.worker.sources import open_source

REPO, COMMIT = "ada/small", "71153311d3dbb46851df1931d3ca6e939de83304"


@dataclass
class Hub:
    """Endpoints of https://huggingface.co/docs/hub/api that downloading a commit uses."""

    files: Mapping[str, bytes]
    code: str | None = None
    asked: list[str] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/models/{owner}/{name}/revision/{revision}", self._info)
        app.router.add_get("/{owner}/{name}/resolve/{revision}/{file:.*}", self._file)
        return app

    async def _info(self, request: web.Request) -> web.Response:
        if self.code is not None or request.match_info["revision"] != COMMIT:
            code = self.code or "RevisionNotFound"
            return web.json_response({}, status=404, headers={"X-Error-Code": code})
        siblings = [{"rfilename": name, "size": len(data)} for name, data in self.files.items()]
        return web.json_response({"id": REPO, "sha": COMMIT, "siblings": siblings})

    async def _file(self, request: web.Request) -> web.Response:
        data = self.files[request.match_info["file"]]
        if request.method == "GET":
            self.asked.append(request.match_info["file"])
        etag = f'"{hashlib.sha256(data).hexdigest()}"'
        return web.Response(body=data, headers={"X-Repo-Commit": COMMIT, "ETag": etag})


def demo_files() -> dict[str, bytes]:
    root = demo_model.MODEL_DIR
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[tuple[Hub, dict[str, str]]]:
    extra = {"README.md": b"---\nlicense: mit\n---\n", "unet/old.bin": b"x", "all.ckpt": b"x"}
    hub = Hub(files={**demo_files(), **extra})
    async with TestServer(hub.app()) as server:
        yield hub, {"HF_ENDPOINT": str(server.make_url("")), "HF_HUB_CACHE": str(tmp_path / "hub")}


def config(file: str | None = None) -> Config:
    model = ModelConfig(name="small", repo=REPO, revision=COMMIT, file=file)
    return Config(
        path=Path("config.toml"),
        discord=DiscordConfig(token=Secret("x")),
        data=DataConfig(directory=Path("data"), database=Secret("sqlite:///x")),
        backends=(LocalConfig(models=(model,)),),
    )


async def fetched(environ: Mapping[str, str], file: str | None = None) -> list[str]:
    said: list[str] = []
    await asyncio.to_thread(fetch, config(file), environ, say=said.append)
    return said


async def refusal(environ: Mapping[str, str], file: str | None = None) -> str:
    with pytest.raises(OperatorError) as caught:
        await fetched(environ, file)
    return str(caught.value)


async def test_a_pinned_model_is_downloaded_and_can_be_used_without_the_network(
    hub: tuple[Hub, dict[str, str]], tmp_path: Path
) -> None:
    there, environ = hub
    said = await fetched(environ)
    assert said[0].startswith(f"small: {REPO}, ")
    folder = snapshot_folder(tmp_path / "hub", REPO, COMMIT)
    model = LocalModel(name="m", title="M", path=folder, repo=REPO)
    files = await asyncio.to_thread(lambda: open_source(model).examine())
    assert files.class_name
    assert {name for name in there.asked if name.endswith((".bin", ".ckpt"))} == set()
    assert "README.md" in there.asked


async def test_what_is_there_already_is_not_downloaded_again(
    hub: tuple[Hub, dict[str, str]],
) -> None:
    there, environ = hub
    await fetched(environ)
    there.asked.clear()
    await fetched(environ)
    assert there.asked == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("GatedRepo", "given to those who accept its licence"),
        ("RepoNotFound", "There is no https://huggingface.co/ada/small, or it is private"),
        ("RevisionNotFound", f"has no commit {COMMIT}"),
    ],
)
async def test_what_the_hub_refuses_is_told_with_what_to_do(
    hub: tuple[Hub, dict[str, str]], code: str, words: str
) -> None:
    there, environ = hub
    there.code = code
    assert words in await refusal(environ)


async def test_a_hub_that_is_away_is_told(hub: tuple[Hub, dict[str, str]]) -> None:
    _, environ = hub
    away = {**environ, "HF_ENDPOINT": "http://127.0.0.1:9"}
    assert "cannot be downloaded from http://127.0.0.1:9" in await refusal(away)


async def test_a_file_that_is_not_there_is_named(hub: tuple[Hub, dict[str, str]]) -> None:
    assert "has no file none.safetensors" in await refusal(hub[1], "none.safetensors")


async def test_a_disk_without_room_is_told_before_anything_is_downloaded(
    hub: tuple[Hub, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    there, environ = hub
    full = shutil._ntuple_diskusage(10, 10, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: full)
    assert "Make room, or set HF_HOME" in await refusal(environ)
    assert there.asked == []


class TestChoice:
    NAMES = (
        *("model_index.json", "README.md", "LICENSE.md", "sd_xl.safetensors", "preview.png"),
        *("unet/config.json", "unet/diffusion_pytorch_model.safetensors"),
        *("unet/diffusion_pytorch_model.fp16.safetensors", "unet/model.onnx", "unet/model.bin"),
        *("vae/config.json", "vae/diffusion_pytorch_model.safetensors"),
        *("tokenizer/vocab.json", "tokenizer/merges.txt", "tokenizer/spiece.model"),
        *("text_encoder/config.json", "text_encoder/model-00001-of-00002.safetensors"),
        *("text_encoder/model-00002-of-00002.safetensors",),
        *("text_encoder/model.safetensors.index.json", "onnx/unet/config.json"),
    )

    def test_it_is_the_parts_and_no_copy_of_them(self) -> None:
        chosen = files_to_fetch(self.NAMES)
        assert "unet/diffusion_pytorch_model.fp16.safetensors" in chosen
        assert set(self.NAMES) - set(chosen) == {
            *("sd_xl.safetensors", "preview.png", "onnx/unet/config.json"),
            *("unet/diffusion_pytorch_model.safetensors", "unet/model.onnx", "unet/model.bin"),
        }

    def test_weights_in_32_bits_are_taken_where_they_are_asked_for(self) -> None:
        chosen = files_to_fetch(self.NAMES, half=False)
        assert "unet/diffusion_pytorch_model.safetensors" in chosen
        assert "unet/diffusion_pytorch_model.fp16.safetensors" not in chosen

    def test_one_file_comes_alone_with_its_card(self) -> None:
        chosen = files_to_fetch(self.NAMES, file="sd_xl.safetensors")
        assert chosen == ["sd_xl.safetensors", "README.md", "LICENSE.md"]

    def test_a_repository_that_is_no_model_has_none(self) -> None:
        assert files_to_fetch(["weights.safetensors", "config.json"]) == []
