"""`easel bench` from its options to the report: which model is meant, and what ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from bot import bench
from bot.bench import BenchOptions, plan_for, run_bench
from bot.cli import main
from bot.config import ConfigError
from bot.endings import OperatorError
from generation.bench import BenchError, Plan, Report
from tests.generation.bench.reports import SCHEMA, report

CONFIG = """
[discord]
token = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GaBcDe.abcdefghijklmnopqrstuvwxyz0123456789AB"
[[backends]]
kind = "local"
device = "cuda:1"
precision = "float16"
threads = 3
[[backends.models]]
name = "mine"
path = "{path}"
steps = 9
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "model_index.json").write_text("{}")
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(path=folder))
    path.chmod(0o600)
    return path


def test_the_shipped_model_is_meant_where_nothing_is_said() -> None:
    plan = plan_for(BenchOptions(), {})
    assert (plan.model.name, plan.model.width, plan.threads) == ("demo", 256, 1)


def test_a_folder_is_a_model(tmp_path: Path) -> None:
    plan = plan_for(BenchOptions(model=str(tmp_path)), {})
    assert (plan.model.path, plan.threads) == (tmp_path, None)


def test_a_random_model_needs_no_folder() -> None:
    plan = plan_for(BenchOptions(model="random:tiny-sd15", device="cpu"), {})
    assert (str(plan.model.path), plan.device) == ("random:tiny-sd15", "cpu")


def test_a_configured_model_runs_as_it_is_configured(config: Path) -> None:
    plan = plan_for(BenchOptions(model="mine", config=config), {})
    assert (plan.model.name, plan.model.steps) == ("mine", 9)
    assert (plan.device, plan.precision, plan.threads) == ("cuda:1", "float16", 3)


def test_an_option_goes_before_the_configuration(config: Path) -> None:
    options = BenchOptions(model="mine", config=config, device="cpu", precision="float32")
    plan = plan_for(options, {})
    assert (plan.device, plan.precision) == ("cpu", "float32")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("nothing", "there is no folder nothing, and no config.toml"),
        ("random:nothing", "there is no random:nothing. There are: random:sd15"),
    ],
)
def test_a_model_that_there_is_not_ends_with_2_and_says_what_there_is(
    model: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "--model", model]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1


def test_a_configuration_without_that_model_names_those_it_has(config: Path) -> None:
    with pytest.raises(OperatorError, match=r"has no model yours that runs .* it has: mine"):
        plan_for(BenchOptions(model="yours", config=config), {})


def test_a_configuration_with_mistakes_names_them(config: Path) -> None:
    config.write_text("[discord]\ntokn = 'x'\n")
    with pytest.raises(ConfigError, match="tokn"):
        plan_for(BenchOptions(model="mine", config=config), {})


@pytest.mark.parametrize("jobs", ["19", "-1", "many"])
def test_a_number_of_jobs_that_says_nothing_is_refused(
    jobs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["bench", "--jobs", jobs])
    assert caught.value.code == 2
    assert "write 0, or a number from 20 on" in capsys.readouterr().err


async def reported(monkeypatch: pytest.MonkeyPatch, *, is_json: bool) -> str:
    async def measure(plan: Plan, *, say: Callable[[str], None]) -> Report:
        say(f"a step of {plan.model.name}")
        return report({"step_ms": 3.0})

    monkeypatch.setattr(bench, "measure", measure)
    said: list[str] = []
    told: list[str] = []
    options = BenchOptions(is_json=is_json)
    code = await run_bench(options, {}, say=said.append, tell=told.append, stop=asyncio.Event())
    assert (code, told, len(said)) == (0, ["measuring a step of demo …"], 1)
    return said[0]


async def test_with_json_one_object_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    jsonschema.validate(json.loads(await reported(monkeypatch, is_json=True)), SCHEMA)


async def test_without_json_it_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "a denoising step" in await reported(monkeypatch, is_json=False)


async def test_what_cannot_be_measured_is_the_operators_to_mend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def measure(_plan: Plan, *, say: Callable[[str], None]) -> Report:
        say("nothing")
        raise BenchError("the model demo cannot be measured: it is gone")

    monkeypatch.setattr(bench, "measure", measure)
    with pytest.raises(OperatorError, match="it is gone"):
        await run_bench(BenchOptions(), {}, say=print, tell=print, stop=asyncio.Event())


async def test_a_stop_ends_it_without_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = asyncio.Event()
    ended: list[str] = []

    async def measure(_plan: Plan, *, say: Callable[[str], None]) -> Report:
        say("for ever")
        stop.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("measuring")
        raise AssertionError

    monkeypatch.setattr(bench, "measure", measure)
    code = await run_bench(BenchOptions(), {}, say=ended.append, tell=lambda _: None, stop=stop)
    assert (code, ended) == (1, ["measuring"])


def test_a_folder_that_holds_no_model_ends_with_2_and_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--quick", "--device", "cpu", "--model", str(tmp_path)]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"easel: the model {tmp_path.name} cannot be measured: ")
    assert "model_index.json" in last


def test_an_engine_behind_an_address_cannot_be_measured(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[discord]\ntoken = 'x'\n[[backends]]\nurl = 'http://box:7860'\n")
    with pytest.raises(OperatorError) as caught:
        plan_for(BenchOptions(model="sdxl", config=path), {})
    assert str(caught.value) == (
        f"{path} has no models of its own, only engines behind an address (box-7860); easel bench "
        "measures this machine. Say --model demo, or measure there with the engine's own means."
    )
