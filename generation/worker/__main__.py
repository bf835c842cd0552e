"""The worker process: reads messages on stdin, answers on stdout, ends when the pipe closes."""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import warnings
from typing import BinaryIO

from generation.worker import protocol


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
    requests, replies = _take_pipes()
    _quieten()
    outbox = Outbox(replies)
    first = protocol.read(requests)
    if first is None:
        return
    if not isinstance(first, protocol.Configure):
        raise protocol.ProtocolError("the first message must configure the worker")
    from generation.worker.engine import Engine  # noqa: PLC0415  # after the environment is set

    engine = Engine(first.settings, send=outbox.send, exit_process=outbox.exit)
    engine.start()
    while (message := protocol.read(requests)) is not None:
        match message:
            case protocol.Run(work=work):
                engine.submit(work)
            case protocol.Cancel(job_id=job_id):
                engine.cancel(job_id)
            case protocol.Ping(number=number):
                pong = protocol.Pong(number=number, silent_seconds=engine.silent_seconds())
                outbox.send(pong)
            case protocol.Stop():
                engine.stop()
                outbox.exit(protocol.EXIT_OK)
            case _:
                raise protocol.ProtocolError(f"unexpected {type(message).__name__}")
    os._exit(protocol.EXIT_OK)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes, moved aside so that a library which prints cannot break a frame."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def _quieten() -> None:
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


if __name__ == "__main__":
    main()
