"""`easel check`: tries everything the configuration names, and says what to mend."""

from __future__ import annotations

import asyncio
import shutil
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import aiohttp

from bot.access import access_rules
from bot.backends import build_backends, cards_for
from bot.check_engine import lines_of, seconds_to_and_fro
from bot.config import Config, EngineConfig
from bot.endings import TOKEN_PAGE, ExitCode
from bot.invite import invite_link
from generation.access import names_nothing
from generation.backends.base import Backend, Capabilities
from generation.backends.cards import Card
from generation.errors import GenerationError
from generation.types import Task

BACKEND_SECONDS = 300.0
DISCORD_SECONDS = 15.0
LITTLE_SPACE = 2 * 1024**3

_ADVICE = {
    Task.UPSCALE: "no upscaler, for /upscale with its own model: upscalers = [...] adds one",
    Task.CUTOUT: "no cutter, for /cutout: cutters = [...] under [[backends]] adds one",
    Task.DESCRIBE: "no describer, for /describe: describers = [...] under [[backends]] adds one",
}
"""What is not offered, and how to have it."""


class Verdict(Enum):
    """How one thing stands. The values are the marks in front of its line."""

    GOOD = "ok     "
    DOUBT = "warning"
    BAD = "problem"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was tried. ``code`` is the exit code it asks for."""

    verdict: Verdict
    text: str
    code: ExitCode = ExitCode.OK


async def check(config: Config) -> AsyncIterator[Finding]:
    """Try the configuration's parts, one after the other; nothing is changed anywhere."""
    yield _good(f"{config.path}: every key and value is understood")
    for finding in await asyncio.to_thread(_files, config):
        yield finding
    async for finding in _discord(config):
        yield finding
    offered: list[str] = []
    cards = await cards_for(config)
    for finding in _cards(cards):
        yield finding
    tasks: set[Task] = set()
    engines = {each.name: each for each in config.backends if isinstance(each, EngineConfig)}
    for backend in build_backends(config, cards):
        found, offer = await _backend(backend, engines.get(backend.name))
        offered += [model.name for model in offer.models]
        tasks |= {tool.task for tool in offer.tools}
        for finding in found:
            yield finding
    for task in _ADVICE if offered else ():
        if task not in tasks:
            yield _good(_ADVICE[task])
    if offered and config.default_model is not None and config.default_model not in offered:
        yield _bad(
            f'default_model is "{config.default_model}", but the models are {", ".join(offered)}',
            ExitCode.CONFIGURATION,
        )
    for name in names_nothing(access_rules(config), offered) if offered else ():
        text = f'access keeps "{name}" for some, but the models are {", ".join(offered)}'
        yield Finding(verdict=Verdict.DOUBT, text=text)


def _files(config: Config) -> list[Finding]:
    findings = []
    holder = config.discord.token_file
    if holder is not None and _is_open_to_others(holder):
        text = f"{holder} holds the token and other users can read it: chmod 600 {holder}"
        findings.append(Finding(verdict=Verdict.DOUBT, text=text))
    directory = config.data.directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            free = shutil.disk_usage(directory).free
    except OSError as error:
        text = f"the data directory {directory} cannot be written: {error.strerror}"
        return [*findings, _bad(text, ExitCode.CONFIGURATION)]
    text = f"the data directory {directory} can be written; {free / 1024**3:.1f} GB are free"
    verdict = Verdict.DOUBT if free < LITTLE_SPACE else Verdict.GOOD
    return [*findings, Finding(verdict=verdict, text=text)]


def _is_open_to_others(path: Path) -> bool:
    if sys.platform == "win32":
        return False
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


async def _discord(config: Config) -> AsyncIterator[Finding]:
    base = config.discord.api_url
    headers = {
        "Authorization": f"Bot {config.discord.token.reveal()}",
        "User-Agent": "DiscordBot (easel check)",
    }
    timeout = aiohttp.ClientTimeout(total=DISCORD_SECONDS)
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            user = await _get(session, f"{base}/users/@me")
            application = await _get(session, f"{base}/applications/@me")
    except _Refusal as refusal:
        yield _bad(refusal.sentence, refusal.code)
        return
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        reason = str(error) or type(error).__name__
        yield _bad(f"Discord cannot be reached at {base}: {reason}", ExitCode.CRASH)
        return
    yield _good(f"Discord knows the token: it is {user.get('username')} ({user.get('id')})")
    if application.get("interactions_endpoint_url"):
        yield _bad(
            "commands go to the application's Interactions Endpoint URL and not to this bot: "
            f"clear that field at {TOKEN_PAGE} under General Information",
            ExitCode.REFUSED_BY_DISCORD,
        )
    yield _good("intents: Easel needs none of the privileged ones")
    if not application.get("bot_public", True):
        yield Finding(
            verdict=Verdict.DOUBT,
            text="the bot is private: only its owner can add it to a server",
        )
    yield _good(f"add the bot to a server: {invite_link(str(application.get('id')))}")


class _Refusal(Exception):
    """Discord's answer is not the one asked for."""

    def __init__(self, sentence: str, code: ExitCode) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


async def _get(session: aiohttp.ClientSession, url: str) -> Mapping[str, object]:
    async with session.get(url, allow_redirects=False) as response:
        if response.status == 401:
            raise _Refusal(
                f"Discord does not accept the token. Make a new one at {TOKEN_PAGE} under Bot",
                ExitCode.REFUSED_BY_DISCORD,
            )
        if response.status == 404:
            raise _Refusal(
                f"there is no Discord at {url}: it answers 404. Does api_url end in /api/v10?",
                ExitCode.CONFIGURATION,
            )
        if response.status != 200:
            raise _Refusal(f"Discord answers {url} with {response.status}", ExitCode.CRASH)
        try:
            body: object = await response.json()
        except (aiohttp.ContentTypeError, ValueError):
            body = None
        if not isinstance(body, dict):
            sentence = f"{url} is not Discord: it does not answer with a JSON object"
            raise _Refusal(sentence, ExitCode.CONFIGURATION)
        return body


def _cards(cards: Sequence[Card]) -> list[Finding]:
    findings = []
    for card in cards:
        text = f"card {card.device}: {card.name}, {card.memory / 1024**3:.1f} GB"
        if card.problem is None:
            findings.append(_good(text))
        else:
            text += (
                f"; it is not used: {card.problem}. A section of its own with "
                f'device = "{card.device}" would use it'
            )
            findings.append(Finding(verdict=Verdict.DOUBT, text=text))
    return findings


async def _backend(
    backend: Backend, engine: EngineConfig | None
) -> tuple[list[Finding], Capabilities]:
    try:
        async with asyncio.timeout(BACKEND_SECONDS):
            offer = await backend.capabilities()
        health = await backend.health()
        if engine is not None:
            seconds = await seconds_to_and_fro(engine)
    except GenerationError as error:
        text = f"backend {backend.name}: {error.detail or error.sentence}"
        return [_bad(text, ExitCode.CRASH)], Capabilities(models=())
    except TimeoutError:
        text = f"backend {backend.name} has not started within {BACKEND_SECONDS:g} seconds"
        return [_bad(text, ExitCode.CRASH)], Capabilities(models=())
    finally:
        await backend.aclose()
    if engine is None:
        device = f" on {health.device}" if health.device else ""
        lines = [f"{_models(offer)}{device}"]
    else:
        lines = list(lines_of(engine, offer, health, seconds))
    findings = [_good(f"backend {backend.name}: {line}") for line in lines]
    if offer.tools:
        tools = ", ".join(f"{tool.name} ({tool.task})" for tool in offer.tools)
        findings.append(_good(f"backend {backend.name}: tools {tools}"))
    findings += [_good(f"backend {backend.name}: {note}") for note in health.notes]
    if health.problem:
        text = f"backend {backend.name}: {health.problem}"
        findings.append(Finding(verdict=Verdict.DOUBT, text=text))
    return findings, offer


def _models(offer: Capabilities) -> str:
    models = [f"{model.name} ({model.width}×{model.height})" for model in offer.models]
    return f"models {', '.join(models)}" if models else "it has no models"


def _good(text: str) -> Finding:
    return Finding(verdict=Verdict.GOOD, text=text)


def _bad(text: str, code: ExitCode) -> Finding:
    return Finding(verdict=Verdict.BAD, text=text, code=code)
