"""Backends behind an address: what their sections may say, and where their secrets may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import ConfigError, EngineConfig, Problem, Secret, load
from generation.backends.chosen import Choice

SECRET = "sentinel-s3cret"
TOKEN = "[discord]\ntoken = 'abc'\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def engine(folder: Path, section: str, environ: dict[str, str] | None = None) -> EngineConfig:
    (backend,) = load(write(folder, f"{TOKEN}[[backends]]\n{section}"), environ or {}).backends
    assert isinstance(backend, EngineConfig)
    return backend


def problem(folder: Path, section: str, environ: dict[str, str] | None = None) -> Problem:
    with pytest.raises(ConfigError) as caught:
        load(write(folder, f"{TOKEN}[[backends]]\n{section}"), environ or {})
    assert SECRET not in str(caught.value)
    (found,) = caught.value.problems
    return found


def test_a_token_and_a_url_are_all_that_is_needed(tmp_path: Path) -> None:
    config = load(write(tmp_path, f"backend = 'box:7860'\n{TOKEN}"), {})
    assert config.backends == (EngineConfig(kind="auto", name="box-7860", url="http://box:7860"),)


def test_a_section_with_a_url_alone_is_the_same(tmp_path: Path) -> None:
    assert engine(tmp_path, "url = 'http://box:7860/'") == EngineConfig(
        kind="auto", name="box-7860", url="http://box:7860"
    )


def test_everything_can_be_said(tmp_path: Path) -> None:
    found = engine(
        tmp_path,
        """
        kind = "a1111"
        name = "web-ui"
        url = "https://box/sd/"
        username = "ada"
        password = "p"
        verify_tls = false
        weight = 2
        slots = 3
        timeout = 30
        job_timeout = 100
        payload = { alwayson_scripts = { x = { args = [1] } } }
        models = [{ name = "sdxl", model = "sd_xl [31e3]", width = 1024 }, { name = "other" }]
        """,
    )
    assert found == EngineConfig(
        kind="a1111",
        name="web-ui",
        url="https://box/sd",
        username="ada",
        password=Secret("p"),
        verify_tls=False,
        weight=2.0,
        slots=3,
        timeout=30.0,
        job_timeout=100.0,
        models=(
            Choice(name="sdxl", model="sd_xl [31e3]", width=1024),
            Choice(name="other", model="other"),
        ),
        own={"payload": {"alwayson_scripts": {"x": {"args": [1]}}}},
    )


def test_a_folder_of_workflows_is_meant_from_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    found = engine(tmp_path, "kind = 'comfyui'\nurl = 'box'\nworkflows = 'mine'")
    assert found.own == {"workflows": tmp_path / "mine"}


def test_an_openai_style_endpoint_has_keys_of_its_own(tmp_path: Path) -> None:
    section = (
        "kind = 'openai'\nurl = 'https://box/v1'\nprice = 0.04\ndialect = 'localai'\n"
        "partial_images = 2\nhosts = ['cdn.example.com']"
    )
    assert engine(tmp_path, section).own == {
        "price": 0.04,
        "dialect": "localai",
        "partial_images": 2,
        "hosts": ("cdn.example.com",),
    }


@pytest.mark.parametrize(
    ("section", "environ"),
    [
        (f"token = '{SECRET}'", {}),
        ("token_file = 'secret.txt'", {}),
        ("", {"EASEL_BACKEND_MY_SPACE_TOKEN": SECRET}),
        ("", {"EASEL_BACKEND_MY_SPACE_TOKEN_FILE": "secret.txt"}),
        ("token = 'other'", {"EASEL_BACKEND_MY_SPACE_TOKEN": SECRET}),
    ],
)
def test_a_secret_may_be_in_the_file_in_another_or_in_the_environment(
    tmp_path: Path, section: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.txt").write_text(f"{SECRET}\n")
    found = engine(tmp_path, f"name = 'my space'\nurl = 'box'\n{section}", environ)
    assert found.token == Secret(SECRET)
    assert SECRET not in f"{found!r} {found}"


def test_a_login_in_the_address_is_taken_out_of_it(tmp_path: Path) -> None:
    found = engine(tmp_path, f"url = 'http://ada:{SECRET}@box:7860'")
    assert (found.url, found.username, found.password) == (
        "http://box:7860",
        "ada",
        Secret(SECRET),
    )
    assert SECRET not in f"{found!r}"


@pytest.mark.parametrize(
    ("section", "what", "instead"),
    [
        ("kind = 'a1111'", "the engine's address is missing", "Write url = "),
        ("kind = 'sd'\nurl = 'box'", '"sd" is not one of the choices', "local, scripted, auto"),
        (f"url = 'ftp://ada:{SECRET}@box'", "an address begins with http://", "such as http://"),
        (f"url = 'http://box?key={SECRET}'", "the address has a ? in it", "without what follows"),
        ("url = 'box'\nslots = 0", "0 is not possible here", "from 1 to 64"),
        ("url = 'box'\nweight = 0", "0 is not possible here", "from 0.01 to 100"),
        ("url = 'box'\ntimeout = 0", "0 is not possible here", "from 1 to 600"),
        ("url = 'box'\nverify_tls = 1", "1 is neither true nor false", "verify_tls = true"),
        (f"url = 'box'\npassword = '{SECRET}'", "a password, but no name to it", "username ="),
        (
            f"url = 'box'\nusername = 'a'\npassword = '{SECRET}'\ntoken = '{SECRET}'",
            "a token and a password are both given",
            "Keep the one",
        ),
        (
            f"url = 'box'\ntoken = '{SECRET}'\ntoken_file = 'x'",
            "token and token_file are both given",
            "Keep the one",
        ),
        ("url = 'box'\ntoken_file = 'gone'", "cannot be read: No such file", "nothing else in it"),
        (
            "url = 'box'\nendpoint = '/x'",
            'this is for kind = "gradio"',
            'Write kind = "gradio", or take endpoint out',
        ),
        (
            "kind = 'gradio'\nurl = 'box'\nmap = { steps = 3 }",
            "a section is not a table of texts",
            "map = { name =",
        ),
        (
            "kind = 'a1111'\nurl = 'box'\npayload = { seed = 1, prompt = 'x' }",
            "Easel sets prompt, seed itself",
            "Take it out",
        ),
        (
            "kind = 'a1111'\nurl = 'box'\nbatch = 99",
            "99 is not possible here",
            "from 1 to 16",
        ),
        (
            "kind = 'comfyui'\nurl = 'box'\nshared = false",
            "this is for kind",
            'kind = "a1111"',
        ),
        (
            "kind = 'a1111'\nurl = 'box'\npayload = { at = 2020-01-01 }",
            "a section is not a table of texts, numbers, lists and tables",
            "payload = { name =",
        ),
        (
            "kind = 'comfyui'\nurl = 'box'\nworkflows = 'nowhere'",
            "there is no folder",
            "Make it, or take the line out",
        ),
        ("url = 'box'\nmodels = [{ title = 'x' }]", "the model's name is missing", "name ="),
        (
            "url = 'box'\nmodels = [{ name = 'x' }, { name = 'x' }]",
            'two models are named "x"',
            "Give one another name",
        ),
        ("url = 'box'\ndevice = 'cpu'", "there is no such key", "Known here"),
    ],
)
def test_one_that_cannot_work_is_refused(
    tmp_path: Path, section: str, what: str, instead: str
) -> None:
    found = problem(tmp_path, section)
    assert what in found.what
    assert instead in found.instead


def test_a_secret_with_control_characters_is_refused_unseen(tmp_path: Path) -> None:
    found = problem(tmp_path, f'url = "box"\ntoken = "{SECRET}\\u0007"')
    assert found.what == "it cannot be a secret: it has line breaks or control characters"


def test_a_url_at_the_top_and_sections_exclude_each_other(tmp_path: Path) -> None:
    text = f"backend = 'box'\n{TOKEN}[[backends]]\nurl = 'other'\n"
    with pytest.raises(ConfigError, match=r"backend and \[\[backends\]\] are both given"):
        load(write(tmp_path, text), {})
