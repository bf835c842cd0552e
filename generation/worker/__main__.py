"""The worker process: reads messages on stdin, answers on stdout, ends when the pipe closes."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from generation.worker import causes, lifeline, protocol, visible

if TYPE_CHECKING:  # it may be imported only after the environment is set
    from generation.worker.engine import Engine


class Outbox:
    """Sends messages from any thread without making it wait for the parent to read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: queue.SimpleQueue[protocol.FromWorker | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._main, name="outbox", daemon=True)
        self._thread.start()

    def send(self, message: protocol.FromWorker) -> None:
        """Queue a message; order is kept."""
        self._waiting.put(message)

    def exit(self, status: int) -> None:
        """Let what is queued leave, then end the process at once, whatever its threads do."""
        self._waiting.put(None)
        self._thread.join()
        os._exit(status)

    def _main(self) -> None:
        while (message := self._waiting.get()) is not None:
            try:
                self._stream.write(protocol.encode(message))
                self._stream.flush()
            except OSError:
                os._exit(protocol.EXIT_OK)  # the parent is gone, and with it the purpose


def main() -> None:
    """Serve one parent until it says stop or goes away."""
    requests, replies = take_pipes()
    lifeline.attach()
    quieten()
    outbox = Outbox(replies)
    try:
        first = protocol.read(requests)
    except protocol.ProtocolError as error:
        outbox.send(protocol.Broken(detail=causes.why_not_understood(error)))
        outbox.exit(protocol.EXIT_CANNOT_START)
        raise
    if first is None:
        return
    if not isinstance(first, protocol.Configure):
        raise protocol.ProtocolError("the first message must configure the worker")
    visible.hide_other_cards(first.settings.device, os.environ)
    _keep_programs(first.settings.compiled)
    if first.settings.parallel_loading:
        os.environ["HF_ENABLE_PARALLEL_LOADING"] = "YES"
    try:
        # After the environment is set.
        from generation.worker import engine as heart  # noqa: PLC0415
    except Exception as error:  # the worker's border: told to the parent
        outbox.send(protocol.Broken(detail=causes.why_not_importable(error)))
        outbox.exit(protocol.EXIT_CANNOT_START)
        raise

    engine = heart.Engine(first.settings, send=outbox.send, exit_process=outbox.exit)
    engine.start()
    _serve(requests, engine, outbox)
    os._exit(protocol.EXIT_OK)


def _serve(requests: BinaryIO, engine: Engine, outbox: Outbox) -> None:
    """Do what the parent says until it goes away."""
    while (message := protocol.read(requests)) is not None:
        match message:
            case protocol.Run(work=work):
                engine.submit(work)
            case protocol.Cancel(job_id=job_id):
                engine.cancel(job_id)
            case protocol.Ping(number=number):
                lifeline.watch_interpreter()
                pong = protocol.Pong(number=number, silent_seconds=engine.silent_seconds())
                outbox.send(pong)
            case protocol.Rescan():
                engine.rescan()
            case protocol.Stop():
                engine.stop()
                outbox.exit(protocol.EXIT_OK)
            case _:
                raise protocol.ProtocolError(f"unexpected {type(message).__name__}")


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes, moved aside so that a library which prints cannot break a frame."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def quieten() -> None:
    """No network, no progress bars, and no library that logs prompts."""
    os.environ.update(
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        TRANSFORMERS_OFFLINE="1",
        TRANSFORMERS_VERBOSITY="critical",
        DIFFUSERS_VERBOSITY="critical",
        TOKENIZERS_PARALLELISM="false",
    )
    warnings.simplefilter("ignore")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")


def _keep_programs(folder: Path | None) -> None:
    """What is compiled is kept for the next start. Programs are code: nobody else may write it."""
    if folder is None:
        return
    with contextlib.suppress(OSError):  # without it, compiling begins anew each time
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder)
    # Half of the processor's cores stay with the jobs.
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))


if __name__ == "__main__":
    main()
