"""`easel bench`: which model is meant, where it runs, and the report on the terminal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.backends import local_model, threads_for
from bot.config import Config, EngineConfig, LocalConfig, ModelConfig, load
from bot.config.model import DEMO_MODEL
from bot.endings import ExitCode, OperatorError
from generation.bench import (
    FEWEST_JOBS,
    JOBS,
    BenchError,
    Plan,
    Report,
    as_json,
    as_table,
    measure,
)
from generation.worker.random_models import NAMES as RANDOM_MODELS, PREFIX, TINY, is_random
from generation.worker.settings import LocalModel

STANDARD_CONFIG = Path("config.toml")

_TINY = PREFIX + TINY
_TINY_SIDE = 128
_LARGE = ", ".join(name for name in RANDOM_MODELS if not name.startswith(_TINY))


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchOptions:
    """What was asked for on the command line.

    ``model`` is the shipped one's name, a folder, one of the random models, or a name from the
    configuration: ``config``, or ./config.toml. ``device`` and ``precision`` None leave the choice
    to the configuration, or to the worker.
    """

    model: str = DEMO_MODEL
    config: Path | None = None
    device: str | None = None
    precision: str | None = None
    is_quick: bool = False
    jobs: int = JOBS
    is_json: bool = False


async def run_bench(
    options: BenchOptions,
    environment: Mapping[str, str],
    *,
    say: Callable[[str], None],
    tell: Callable[[str], None],
    stop: asyncio.Event,
) -> int:
    """Measure, telling each step, and say the report. Returns the exit code.

    ``stop`` ends it without a report. Raises ``OperatorError`` and ``ConfigError``.
    """
    plan = await asyncio.to_thread(plan_for, options, environment)
    try:
        report = await _unless(stop, measure(plan, say=lambda text: tell(f"measuring {text} …")))
    except BenchError as error:
        raise OperatorError(str(error)) from error
    if report is None:
        return ExitCode.CRASH
    say(
        json.dumps(as_json(report), indent=2, ensure_ascii=False)
        if options.is_json
        else as_table(report)
    )
    return ExitCode.OK


async def _unless(stop: asyncio.Event, measuring: Coroutine[None, None, Report]) -> Report | None:
    """What is measured; None when ``stop`` came first."""
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(stop.wait(), name="bench-stop")
        task = group.create_task(_settled(measuring), name="bench-measure")
        await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        task.cancel()
    if task.cancelled():
        return None
    outcome = task.result()
    if isinstance(outcome, BenchError):
        raise outcome
    return outcome


async def _settled(measuring: Coroutine[None, None, Report]) -> Report | BenchError:
    """The error as a value, or the task group would wrap it."""
    try:
        return await measuring
    except BenchError as error:
        return error


def plan_for(options: BenchOptions, environment: Mapping[str, str]) -> Plan:
    """The benchmark that the options ask for. Raises ``OperatorError`` and ``ConfigError``."""
    backend, model = _found(options, environment)
    return Plan(
        model=model,
        device=options.device or backend.device,
        precision=options.precision or backend.precision,
        threads=threads_for(backend),
        is_quick=options.is_quick,
        jobs=options.jobs,
    )


def _found(options: BenchOptions, environment: Mapping[str, str]) -> tuple[LocalConfig, LocalModel]:
    name, path = options.model, Path(options.model)
    if options.config is None and name == DEMO_MODEL:
        model = ModelConfig(name=name)
    elif is_random(path):
        if name not in RANDOM_MODELS:
            raise OperatorError(f"there is no {name}. There are: {_LARGE}.")
        if name.startswith(_TINY):
            # Too small to gain from a second processor, and for its large model's size.
            model = ModelConfig(name=name, path=path, width=_TINY_SIDE, height=_TINY_SIDE)
            return LocalConfig(models=(model,), threads=1), local_model(model)
        model = ModelConfig(name=name, path=path)
    elif path.is_dir():
        model = ModelConfig(name=path.resolve().name, path=path.resolve())
    else:
        return _configured(options, environment)
    return LocalConfig(models=(model,)), local_model(model)


def _configured(
    options: BenchOptions, environment: Mapping[str, str]
) -> tuple[LocalConfig, LocalModel]:
    path = options.config or STANDARD_CONFIG
    if options.config is None and not path.is_file():
        raise OperatorError(
            f"there is no folder {options.model}, and no {path} that could name such a model. "
            f"Say --model {DEMO_MODEL}, a folder in the diffusers format, or one of: {_LARGE}."
        )
    config = load(path, environment)
    for backend in _local(config):
        for model in backend.models:
            if model.name == options.model:
                return backend, local_model(model)
    engines = [each for each in config.backends if isinstance(each, EngineConfig)]
    if engines and not _local(config):
        raise OperatorError(
            f"{path} has no models of its own, only engines behind an address "
            f"({', '.join(each.name for each in engines)}); easel bench measures this machine. "
            f"Say --model {DEMO_MODEL}, or measure there with the engine's own means."
        )
    names = [model.name for backend in _local(config) for model in backend.models]
    raise OperatorError(
        f"{path} has no model {options.model} that runs on this machine; "
        f"it has: {', '.join(names) or 'none'}."
    )


def _local(config: Config) -> list[LocalConfig]:
    return [backend for backend in config.backends if isinstance(backend, LocalConfig)]


__all__ = ["DEMO_MODEL", "FEWEST_JOBS", "JOBS", "BenchOptions", "plan_for", "run_bench"]
