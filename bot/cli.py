"""The command line: `easel demo`, `run`, `check`, `fetch`, `backup` and `bench`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import io
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path

from bot.app import serve
from bot.arguments import parser
from bot.backup import BackupOptions, run_backup
from bot.bench import BenchOptions, run_bench
from bot.check import check
from bot.config import Config, ConfigError, EngineConfig, engine_at, load, process_environment
from bot.demo import DemoOptions, run_demo
from bot.endings import ExitCode, OperatorError, ending_of
from bot.logs import Redactor, set_up_logging
from bot.signals import stop_on_signals

FORCED = 130

_LOG = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. One sentence on stderr explains each."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal or pipe that has no letter for "▰" must not end the program.
        sys.stdout.reconfigure(errors="replace")
    arguments = parser().parse_args(argv)
    try:
        return _COMMANDS[arguments.command](arguments)
    except KeyboardInterrupt:
        return FORCED


def _run(arguments: argparse.Namespace) -> int:
    config = _load(arguments.config)
    if config is None:
        return ExitCode.CONFIGURATION
    _log_as(config)
    return _until_signal(lambda stop: serve(config, stop=stop), debug=config.log.level == "debug")


def _check(arguments: argparse.Namespace) -> int:
    config = _load(arguments.config)
    if config is None:
        return ExitCode.CONFIGURATION
    set_up_logging(level="error", style="text", secrets=config.secrets)
    redact = Redactor(config.secrets)

    async def report(_stop: asyncio.Event) -> int:
        code = ExitCode.OK
        async for finding in check(config):
            print(redact(f"{finding.verdict.value}  {finding.text}"), flush=True)
            code = code or finding.code
        return code

    return _until_signal(report, debug=False)


def _fetch(arguments: argparse.Namespace) -> int:
    # Only this command needs the Hub's library.
    from bot.fetch import fetch  # noqa: PLC0415

    config = _load(arguments.config)
    if config is None:
        return ExitCode.CONFIGURATION
    set_up_logging(level="error", style="text", secrets=config.secrets)
    try:
        fetch(config, process_environment(), say=lambda text: print(text, flush=True))
    except OperatorError as error:
        return _end(str(error), ExitCode.CRASH)
    return ExitCode.OK


def _backup(arguments: argparse.Namespace) -> int:
    config = _load(arguments.config)
    if config is None:
        return ExitCode.CONFIGURATION
    set_up_logging(level="error", style="text", secrets=config.secrets)
    options = BackupOptions(
        database=config.data.database_file,
        data=config.data.directory,
        target=arguments.to,
        pictures=not arguments.without_pictures,
    )

    async def copy(_stop: asyncio.Event) -> int:
        say = functools.partial(print, flush=True)
        return await run_backup(options, now=datetime.now().astimezone(), say=say)

    return _until_signal(copy, debug=False)


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.out is not None and arguments.prompt is None:
        return _end("--out needs --prompt: say what to draw.", ExitCode.CONFIGURATION)
    if arguments.prompt is not None and arguments.out is None:
        return _end("--prompt needs --out: say where to write it.", ExitCode.CONFIGURATION)
    try:
        engines = _engines(arguments.backend)
    except ValueError as error:
        return _end(f"--backend: {error}.", ExitCode.CONFIGURATION)
    secrets = [secret for engine in engines for secret in engine.secrets]
    set_up_logging(level="error", style="text", secrets=secrets)
    options = DemoOptions(
        port=arguments.port,
        open_browser=not arguments.no_browser,
        data=arguments.data,
        prompt=arguments.prompt,
        out=arguments.out,
        image=arguments.image,
        settings={
            name: getattr(arguments, name)
            for name in (
                "negative_prompt",
                "seed",
                "steps",
                "width",
                "height",
                "aspect_ratio",
                "guidance_scale",
                "sampler",
                "scheduler",
                "count",
                "model",
                "strength",
            )
            if getattr(arguments, name) is not None
        },
        backends=engines or DemoOptions().backends,
    )

    def say(text: str) -> None:
        print(text, flush=True)

    return _until_signal(lambda stop: run_demo(options, say=say, stop=stop), debug=False)


def _engines(addresses: Sequence[str]) -> tuple[EngineConfig, ...]:
    """The engines at those addresses. Raises ``ValueError`` with a sentence, without its stop."""
    engines: dict[str, EngineConfig] = {}
    for address in addresses:
        try:
            engine = engine_at(address)
        except ValueError as error:
            what, instead = error.args
            raise ValueError(f"{what}. {instead}") from error
        if engine.name in engines:
            raise ValueError(f"{engine.url} is given twice. Give every engine once")
        engines[engine.name] = engine
    return tuple(engines.values())


def _bench(arguments: argparse.Namespace) -> int:
    set_up_logging(level="critical", style="text")  # the report and one sentence say it all
    options = BenchOptions(
        model=arguments.model,
        config=arguments.config,
        device=arguments.device,
        precision=arguments.precision,
        is_quick=arguments.quick,
        jobs=arguments.jobs,
        is_json=arguments.json,
    )
    return _until_signal(
        lambda stop: run_bench(
            options,
            process_environment(),
            say=lambda text: print(text, flush=True),
            tell=lambda text: print(text, file=sys.stderr, flush=True),
            stop=stop,
        ),
        debug=False,
    )


def _load(path: Path) -> Config | None:
    try:
        return load(path, process_environment())
    except ConfigError as error:
        many = len(error.problems)
        noun = "1 problem" if many == 1 else f"{many} problems"
        print(
            Redactor()(f"{error}\neasel: {noun} in {path}; nothing was started."), file=sys.stderr
        )
        return None


def _log_as(config: Config) -> None:
    set_up_logging(level=config.log.level, style=config.log.format, secrets=config.secrets)


def _until_signal(work: Callable[[asyncio.Event], Awaitable[int]], *, debug: bool) -> int:
    """Run ``work`` to its end, which a signal asks for by the event; explain how it ended."""

    async def body() -> int:
        stop = asyncio.Event()
        with stop_on_signals(stop, on_first=_say_stopping):
            return await work(stop)

    try:
        return asyncio.run(body())
    except asyncio.CancelledError:
        return _end("stopped at once.", FORCED)
    except Exception as error:  # noqa: BLE001 (the program's own border)
        ending = ending_of(error)
        if debug:
            _LOG.error("ended code=%d", ending.code, exc_info=error)
        elif not ending.expected:
            _LOG.error('crashed; level = "debug" under [log] shows where')
        return _end(ending.sentence, ending.code)


def _say_stopping() -> None:
    print("easel: stopping; once more stops at once.", file=sys.stderr, flush=True)


def _end(sentence: str, code: int) -> int:
    with contextlib.suppress(BrokenPipeError):
        print(Redactor()(f"easel: {sentence}"), file=sys.stderr, flush=True)
    return code


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "demo": _demo,
    "run": _run,
    "check": _check,
    "fetch": _fetch,
    "backup": _backup,
    "bench": _bench,
}
