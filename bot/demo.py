"""`easel demo`: the real bot against a Discord of its own on this machine."""

from __future__ import annotations

import asyncio
import errno
import tempfile
import time
import webbrowser
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.app import serve
from bot.config import (
    BackendConfig,
    Config,
    DataConfig,
    DiscordConfig,
    LocalConfig,
    QueueConfig,
    Secret,
)
from bot.endings import ExitCode, OperatorError
from bot.sandbox import (
    ActionRefused,
    Cast,
    LocalFile,
    Member,
    NoAnswerError,
    Sandbox,
    SeenMessage,
    Suggestion,
    Use,
    Welcome,
)

DEFAULT_PORT = 8321
LONGEST_JOB = 3600.0

Say = Callable[[str], None]

_PROMPTS = (
    "a red circle on a blue background",
    "a yellow star on a black background",
    "three small green hearts on a white background",
    "a house and a tree, a sunny day",
    "a boat on the sea at night",
)
_INVITATION = "Type /imagine and say what you want to see, or start with one of these. "
_OF_THE_SHIPPED = "The small model that ships with Easel knows shapes, colours and simple scenes."


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoOptions:
    """What was asked for on the command line.

    ``port`` None is ``DEFAULT_PORT``, or a free one where that is taken. ``data`` None is a
    folder that is deleted at the end. With ``prompt`` one picture is made, written to ``out``,
    and that is all; ``settings`` are further options of /imagine by name.
    """

    port: int | None = None
    open_browser: bool = True
    data: Path | None = None
    prompt: str | None = None
    out: Path | None = None
    image: Path | None = None
    settings: Mapping[str, str | int | float] = field(default_factory=dict)
    backends: tuple[BackendConfig, ...] = (LocalConfig(),)


async def run_demo(options: DemoOptions, *, say: Say, stop: asyncio.Event) -> int:
    """Run the demo until ``stop`` is set, or until its one picture is made.

    Returns the exit code. Raises ``OperatorError``, and whatever ``bot.app.serve`` raises.
    """
    async with AsyncExitStack() as stack:
        picture = await _read(options.image)
        sandbox = await stack.enter_async_context(_sandbox(options))
        data = options.data or Path(await stack.enter_async_context(_temporary_folder()))
        config = _config(sandbox, data, options)
        ready = asyncio.Event()
        ended = asyncio.Event()
        say("Starting the bot and its model …")
        async with asyncio.TaskGroup() as group:
            group.create_task(
                serve(config, stop=ended, ready=ready, patient=False), name="demo-bot"
            )
            try:
                if not await _either(ready, stop):
                    return ExitCode.OK
                if options.prompt is None:
                    return await _show(sandbox, options, say=say, stop=stop)
                return await _one_picture(sandbox, options, picture, say=say, stop=stop)
            finally:
                ended.set()


def _config(sandbox: Sandbox, data: Path, options: DemoOptions) -> Config:
    is_kept = options.data is not None
    return Config(
        path=data / "config.toml",
        discord=DiscordConfig(
            token=Secret(sandbox.token),
            api_url=sandbox.api_url,
            gateway_url=sandbox.gateway_url,
        ),
        data=DataConfig(directory=data, database=Secret(f"sqlite:///{data / 'easel.db'}")),
        # Jobs in a folder that is deleted are not worth waiting for.
        queue=QueueConfig(stop_grace=10.0 if is_kept else 0.0),
        backends=options.backends,
    )


def _cast(options: DemoOptions) -> Cast:
    is_shipped = any(isinstance(backend, LocalConfig) for backend in options.backends)
    return Cast(
        guild="Easel",
        bot="Easel",
        welcome=Welcome(
            title="Make your first picture",
            text=_INVITATION + (_OF_THE_SHIPPED if is_shipped else ""),
            suggestions=tuple(
                Suggestion(label=prompt, command="imagine", options={"prompt": prompt})
                for prompt in _PROMPTS
            ),
        ),
    )


@asynccontextmanager
async def _sandbox(options: DemoOptions) -> AsyncIterator[Sandbox]:
    """The sandbox on the port that was asked for, or on a free one where none was."""
    cast = _cast(options)
    async with AsyncExitStack() as stack:
        wanted = DEFAULT_PORT if options.port is None else options.port
        try:
            sandbox = await stack.enter_async_context(Sandbox(port=wanted, cast=cast))
        except OSError as error:
            if options.port is not None:
                reason = (
                    "another program uses it"
                    if error.errno == errno.EADDRINUSE
                    else error.strerror or str(error)
                )
                raise OperatorError(
                    f"port {wanted} cannot be used: {reason}. "
                    "Choose another with --port, or leave it out."
                ) from error
            sandbox = await stack.enter_async_context(Sandbox(port=0, cast=cast))
        yield sandbox


@asynccontextmanager
async def _temporary_folder() -> AsyncIterator[str]:
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="easel-demo-")
    try:
        yield folder.name
    finally:
        await asyncio.to_thread(folder.cleanup)


async def _read(image: Path | None) -> LocalFile | None:
    if image is None:
        return None
    try:
        return LocalFile(image.name, await asyncio.to_thread(image.read_bytes))
    except OSError as error:
        raise OperatorError(f"the picture {image} cannot be read: {error.strerror}.") from error


async def _either(reached: asyncio.Event, stop: asyncio.Event) -> bool:
    """Wait for one of the two; True if it is ``reached``."""
    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(event.wait(), name="demo-wait") for event in (reached, stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
    return reached.is_set()


async def _show(
    sandbox: Sandbox, options: DemoOptions, *, say: Say, stop: asyncio.Event
) -> ExitCode:
    say(f"\nOpen {sandbox.page_url} and type, as you would in Discord:")
    say(f"    /imagine prompt: {_PROMPTS[0]}")
    say("    /help for the rest. Press Ctrl-C here to stop.\n")
    if options.open_browser:
        await asyncio.to_thread(webbrowser.open, sandbox.page_url)
    await stop.wait()
    return ExitCode.OK


async def _one_picture(
    sandbox: Sandbox,
    options: DemoOptions,
    picture: LocalFile | None,
    *,
    say: Say,
    stop: asyncio.Event,
) -> ExitCode:
    """One trip through the whole path: ask as a member does, and tell what that member sees."""
    member = sandbox.member("alice")
    await member.wait_for_bot()
    began = time.monotonic()
    wishes: dict[str, str | int | float | LocalFile] = dict(options.settings)
    if picture is not None:
        wishes["image"] = picture
    try:
        use = await member.slash(
            "imagine",
            channel=None,
            attachment_size_limit=None,
            prompt=options.prompt or "",
            **wishes,
        )
        await use.acknowledged()
    except ActionRefused as error:
        say(f"Discord does not send this: {_reasons(error)}")
        return ExitCode.CRASH
    except NoAnswerError as error:
        say(f"No answer: {error}")
        return ExitCode.CRASH
    say(f"acknowledged after {time.monotonic() - began:.2f} s")
    message = await _follow(use, say=say, stop=stop)
    if message is None:
        return ExitCode.OK
    say(f"ended after {time.monotonic() - began:.1f} s:\n{_indented(message.text)}")
    if not message.attachments:
        return ExitCode.CRASH
    await _save(member, message, options.out or Path(message.attachments[0].filename), say=say)
    return ExitCode.OK


async def _follow(use: Use, *, say: Say, stop: asyncio.Event) -> SeenMessage | None:
    """Tell each change of the answer until it is final, and return it; None if stopped."""
    told = ""
    while not stop.is_set():
        message = use.message
        if message is not None:
            if _is_final(message):
                return message
            heading = message.text.partition("\n")[0].replace("**", "")
            if heading not in {"", told}:
                say(f"    {heading}")
                told = heading
        await _change(use, message, stop)
    return None


async def _change(use: Use, seen: SeenMessage | None, stop: asyncio.Event) -> None:
    """Wait until the answer is no longer as it was seen, or until ``stop``."""
    changed = asyncio.Event()

    async def watch() -> None:
        await use.member.until(lambda: use.message is not seen, patience=LONGEST_JOB)
        changed.set()

    async with asyncio.TaskGroup() as group:
        watcher = group.create_task(watch(), name="demo-watch")
        await _either(changed, stop)
        watcher.cancel()


def _is_final(message: SeenMessage) -> bool:
    """Whether the answer is an ending: as long as there is none, it can be cancelled."""
    return not message.loading and "Cancel" not in message.button_labels


async def _save(member: Member, message: SeenMessage, out: Path, *, say: Say) -> None:
    for index, file in enumerate(message.attachments):
        path = out if index == 0 else out.with_stem(f"{out.stem}-{index + 1}")
        data = await member.download(file)
        try:
            await asyncio.to_thread(path.write_bytes, data)
        except OSError as error:
            raise OperatorError(f"{path} cannot be written: {error.strerror}.") from error
        kind = Path(file.filename).suffix.removeprefix(".").upper()
        say(f"wrote {path} ({kind}, {len(data)} bytes)")


def _reasons(error: ActionRefused) -> str:
    """The sentences inside Discord's nested error object."""
    found: list[str] = []
    waiting: list[object] = [error.errors]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            text = item.get("message")
            if isinstance(text, str):
                found.append(text)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return " ".join(dict.fromkeys(found)) or error.message


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
