"""The command line from outside: exit codes, the one line that explains each, and signals."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.cli import main
from bot.sandbox import Sandbox

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> Path:
    return write(tmp_path, sandbox, sandbox.token)


def write(folder: Path, sandbox: Sandbox, token: str, more: str = "") -> Path:
    path = folder / "config.toml"
    path.write_text(
        f"""
        [discord]
        token = "{token}"
        api_url = "{sandbox.api_url}"
        gateway_url = "{sandbox.gateway_url}"
        [[backends]]
        kind = "scripted"
        {more}
        """
    )
    path.chmod(0o600)
    return path


@asynccontextmanager
async def easel(*arguments: str | Path) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *map(str, arguments)), cwd=ROOT, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ended(*arguments: str | Path) -> tuple[int | None, str, str]:
    async with easel(*arguments) as process:
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()


async def line_with(process: Process, text: str) -> str:
    """The first line of stderr with the text in it."""
    assert process.stderr is not None
    async for line in process.stderr:
        if text in line.decode():
            return line.decode()
    pytest.fail(f"never said {text!r}")


def test_a_missing_configuration_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--config", str(tmp_path / "none.toml")]) == 2
    assert "there is no such file. Copy config.example.toml" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "check", "backup"])
def test_every_problem_is_printed_before_anything_starts(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[discord]\ntokn = 'x'\n[queue]\nbound = 0\n")
    assert main([command, "--config", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert lines[-1] == f"easel: 3 problems in {path}; nothing was started."


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demo", "--out", "x.png"], "--out needs --prompt"),
        (["demo", "--prompt", "x"], "--prompt needs --out"),
    ],
)
def test_options_that_need_each_other_say_so(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["dance"], ["demo", "--port", "http"]])
def test_what_is_no_command_is_refused_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: easel" in capsys.readouterr().err


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("easel ")


async def test_check_prints_what_it_tried_and_no_secret(config: Path, sandbox: Sandbox) -> None:
    code, out, err = await ended("check", "--config", config)
    assert (code, err) == (0, "")
    assert "ok       Discord knows the token: it is studio-bot" in out
    assert sandbox.token not in out


async def test_a_running_bot_can_be_backed_up_into_a_folder(config: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    async with easel("run", "--config", config) as process:
        await line_with(process, "store.migrated")
        code, out, err = await ended("backup", "--config", config, "--to", target)
    assert (code, err) == (0, "")
    assert "0 jobs and 0 pictures" in out
    assert "To go back to them: stop the bot" in out
    assert (target / "easel.db").is_file()


async def test_without_a_database_a_backup_says_what_is_missing(
    config: Path, tmp_path: Path
) -> None:
    code, _, err = await ended("backup", "--config", config, "--to", tmp_path / "copy")
    assert code == 1
    assert "copying the database" in err
    assert "Traceback" not in err


async def test_a_refused_token_ends_with_3_and_one_line(sandbox: Sandbox, tmp_path: Path) -> None:
    path = write(tmp_path, sandbox, "wrong", '[log]\nlevel = "error"')
    code, out, err = await ended("run", "--config", path)
    assert (code, out) == (3, "")
    assert err.startswith("easel: Discord does not accept this token.")
    assert len(err.splitlines()) == 1


async def test_at_debug_the_traceback_is_there_too(sandbox: Sandbox, tmp_path: Path) -> None:
    path = write(tmp_path, sandbox, "a-wrong-token", '[log]\nlevel = "debug"')
    code, _, err = await ended("run", "--config", path)
    assert code == 3
    assert "Traceback" in err
    assert "a-wrong-token" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_it_in_order(config: Path, number: signal.Signals) -> None:
    async with easel("run", "--config", config) as process:
        await line_with(process, "invite link=")
        process.send_signal(number)
        await line_with(process, "easel: stopping")
        await line_with(process, "bot.app stopped")
        assert await process.wait() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
async def test_a_second_signal_stops_it_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    path = write(tmp_path, sandbox, sandbox.token, "[queue]\nstop_grace = 600")
    async with easel("run", "--config", path) as process:
        await line_with(process, "invite link=")
        await sandbox.member("alice").slash("imagine", prompt="x", steps=60)
        await line_with(process, "job.started")
        process.send_signal(signal.SIGINT)
        await line_with(process, "easel: stopping")
        process.send_signal(signal.SIGINT)
        await line_with(process, "stopped at once")
        assert await process.wait() == 130


@pytest.mark.parametrize(
    ("addresses", "sentence"),
    [
        (
            ["ftp://ada:sentinel@box"],
            (
                "easel: --backend: an address begins with http:// or https:// and names a host. "
                "Write an address such as http://127.0.0.1:7860.\n"
            ),
        ),
        (
            ["box:1", "http://box:1/"],
            "easel: --backend: http://box:1 is given twice. Give every engine once.\n",
        ),
    ],
)
def test_an_address_that_is_none_ends_the_demo_with_2(
    addresses: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [part for address in addresses for part in ("--backend", address)]
    assert main(["demo", *arguments]) == 2
    assert capsys.readouterr().err == sentence
