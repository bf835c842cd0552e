"""The command line: `easel demo`, `easel run`, `easel check`, `easel bench`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.metadata
import io
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bot.app import serve
from bot.bench import DEMO_MODEL, FEWEST_JOBS, JOBS, BenchOptions, run_bench
from bot.check import check
from bot.config import Config, ConfigError, load, process_environment
from bot.demo import DEFAULT_PORT, DemoOptions, run_demo
from bot.endings import ExitCode, ending_of
from bot.logs import Redactor, set_up_logging
from bot.signals import stop_on_signals

FORCED = 130

_LOG = logging.getLogger(__name__)

_DESCRIPTION = "A Discord bot that makes pictures from words, on your own machine."
_EPILOG = """\
exit codes:
  0  all is well
  1  something failed
  2  the configuration, or an option, cannot be used
  3  Discord refused the bot; starting again does not help
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. One sentence on stderr explains each."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal or pipe that has no letter for "▰" must not end the program.
        sys.stdout.reconfigure(errors="replace")
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except KeyboardInterrupt:
        return FORCED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="easel",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"easel {_version()}")
    commands = parser.add_subparsers(metavar="command", required=True)
    _add_demo(
        commands.add_parser(
            "demo",
            help="try the bot in your browser; no Discord account, key or graphics card needed",
            description="Runs the real bot against a small Discord on this machine, and opens it "
            "in your browser. With --prompt: makes one picture from the terminal and ends.",
        )
    )
    for name, command, words in (
        ("run", _run, "run the bot"),
        ("check", _check, "try everything the configuration names and say what to mend"),
    ):
        sub = commands.add_parser(name, help=words, description=f"{words.capitalize()}.")
        sub.add_argument(
            "--config",
            type=Path,
            default=Path("config.toml"),
            metavar="FILE",
            help="the configuration (default: ./config.toml; see config.example.toml)",
        )
        sub.set_defaults(command=command)
    _add_bench(
        commands.add_parser(
            "bench",
            help="measure how fast Easel is on this machine",
            description="Measures the worker against the bare pipeline, the bot's quickness while "
            "a worker loads and draws, batching, cancelling and memory. The random models are "
            "built in place, so that speed is known before anything is downloaded.",
        )
    )
    return parser


def _version() -> str:
    try:
        return importlib.metadata.version("easel")
    except importlib.metadata.PackageNotFoundError:
        return "(run from its source, not installed)"


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_demo)
    parser.add_argument(
        "--port",
        type=_port,
        default=None,
        metavar="N",
        help=f"the page's port on 127.0.0.1 (default: {DEFAULT_PORT}, or a free one)",
    )
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    parser.add_argument(
        "--data",
        type=Path,
        default=None,
        metavar="DIR",
        help="keep jobs and pictures in this folder (default: a temporary one)",
    )
    one = parser.add_argument_group("one picture from the terminal")
    one.add_argument("--prompt", metavar="TEXT", help="what to draw")
    one.add_argument("--out", type=Path, metavar="FILE", help="where to write the picture")
    one.add_argument("--negative-prompt", metavar="TEXT", help="what to leave out")
    one.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same picture")
    one.add_argument("--steps", type=int, metavar="N", help="more steps, more time and detail")
    one.add_argument("--width", type=int, metavar="N", help="in pixels")
    one.add_argument("--height", type=int, metavar="N", help="in pixels")
    one.add_argument("--aspect-ratio", metavar="W:H", help="such as 16:9")
    one.add_argument("--guidance-scale", type=float, metavar="X", help="closeness to the prompt")
    one.add_argument("--sampler", metavar="NAME", help="how the noise is taken away")
    one.add_argument("--scheduler", metavar="NAME", help="how the steps are spaced")
    one.add_argument("--count", type=int, metavar="N", help="how many pictures")
    one.add_argument("--model", metavar="NAME", help="which model draws")
    one.add_argument("--image", type=Path, metavar="FILE", help="a picture to start from")
    one.add_argument("--strength", type=float, metavar="X", help="how much of it to redraw (0-1)")


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_bench)
    parser.add_argument(
        "--model",
        default=DEMO_MODEL,
        metavar="MODEL",
        help="a name from the configuration, a folder, or a random model such as random:sdxl "
        "or, for trials, random:tiny-sdxl (default: the shipped model)",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=None,
        metavar="FILE",
        help="where MODEL is looked up (default: ./config.toml)",
    )
    parser.add_argument("--device", metavar="NAME", help="such as cpu, cuda or cuda:1")
    parser.add_argument("--precision", metavar="NAME", help="float32, float16 or bfloat16")
    parser.add_argument("--json", action="store_true", help="print one JSON object and no table")
    parser.add_argument(
        "--quick", action="store_true", help="repeat less; leave out compiling and memory"
    )
    parser.add_argument(
        "--jobs",
        type=_jobs,
        default=JOBS,
        metavar="N",
        help=f"watch memory over N jobs; 0 leaves it out (default: {JOBS})",
    )


def _jobs(text: str) -> int:
    if text.isdecimal() and (int(text) == 0 or int(text) >= FEWEST_JOBS):
        return int(text)
    raise argparse.ArgumentTypeError(
        f"{text} cannot be used: write 0, or a number from {FEWEST_JOBS} on"
    )


def _port(text: str) -> int:
    if text.isdecimal() and 0 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a port: write a number from 0 to 65535")


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
    set_up_logging(level="error", style="text", secrets=_secrets(config))
    redact = Redactor(_secrets(config))

    async def report(_stop: asyncio.Event) -> int:
        code = ExitCode.OK
        async for finding in check(config):
            print(redact(f"{finding.verdict.value}  {finding.text}"), flush=True)
            code = code or finding.code
        return code

    return _until_signal(report, debug=False)


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.out is not None and arguments.prompt is None:
        return _end("--out needs --prompt: say what to draw.", ExitCode.CONFIGURATION)
    if arguments.prompt is not None and arguments.out is None:
        return _end("--prompt needs --out: say where to write it.", ExitCode.CONFIGURATION)
    set_up_logging(level="error", style="text")
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
    )

    def say(text: str) -> None:
        print(text, flush=True)

    return _until_signal(lambda stop: run_demo(options, say=say, stop=stop), debug=False)


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
    set_up_logging(level=config.log.level, style=config.log.format, secrets=_secrets(config))


def _secrets(config: Config) -> list[str]:
    return [config.discord.token.reveal()]


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
