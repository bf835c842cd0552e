"""What the command line takes: each subcommand with its options, and the words of its help."""

from __future__ import annotations

import argparse
import importlib.metadata
from pathlib import Path

from bot.bench import DEMO_MODEL, FEWEST_JOBS, JOBS
from bot.demo import DEFAULT_PORT

_DESCRIPTION = "A Discord bot that makes pictures from words, on your own machine."
_EPILOG = """\
exit codes:
  0  all is well
  1  something failed
  2  the configuration, or an option, cannot be used
  3  Discord refused the bot; starting again does not help
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line. Which subcommand it was is in ``command``."""
    whole = argparse.ArgumentParser(
        prog="easel",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"easel {_version()}")
    commands = whole.add_subparsers(dest="command", metavar="command", required=True)
    _add_demo(
        commands.add_parser(
            "demo",
            help="try the bot in your browser; no Discord account, key or graphics card needed",
            description="Runs the real bot against a small Discord on this machine, and opens it "
            "in your browser. With --prompt: makes one picture from the terminal and ends.",
        )
    )
    for name, words in (
        ("run", "run the bot"),
        ("check", "try everything the configuration names and say what to mend"),
        ("fetch", "download the models of the Hugging Face Hub that the configuration names"),
    ):
        _add_config(commands.add_parser(name, help=words, description=f"{words.capitalize()}."))
    _add_backup(
        commands.add_parser(
            "backup",
            help="copy jobs, settings and pictures, also of a bot that is running",
            description="Copies the database and the pictures into a folder that can take the "
            "place of the data directory.",
        )
    )
    _add_bench(
        commands.add_parser(
            "bench",
            help="measure how fast Easel is on this machine",
            description="Measures the worker against the bare pipeline, the bot's quickness while "
            "a worker loads and draws, batching, cancelling and memory. The random models are "
            "built in place, so that speed is known before anything is downloaded.",
        )
    )
    return whole


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("config.toml"),
        metavar="FILE",
        help="the configuration (default: ./config.toml; see config.example.toml)",
    )


def _add_backup(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.add_argument(
        "--to",
        type=Path,
        default=None,
        metavar="DIR",
        help="a new or empty folder (default: one below backups in the data directory)",
    )
    parser.add_argument(
        "--without-pictures", action="store_true", help="copy the database alone; it is small"
    )


def _version() -> str:
    try:
        return importlib.metadata.version("easel")
    except importlib.metadata.PackageNotFoundError:
        return "(run from its source, not installed)"


def _add_demo(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument(
        "--backend",
        action="append",
        default=[],
        metavar="URL",
        help="draw with what runs there (A1111, Gradio, ComfyUI, OpenAI-style) instead of the "
        "shipped model; can be repeated",
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
