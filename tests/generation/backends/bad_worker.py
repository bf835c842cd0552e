"""Worker processes that misbehave, each in one way. They speak the real protocol until then."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO, NoReturn

from generation.backends.scripted import TEST_CARD
from generation.types import JobId, Progress
from generation.worker import protocol

STARTED = Progress(step=1, steps=4)
LINE = "a library repeats itself\n"
FLOOD = 8 * 1024 * 1024


def main(way: str) -> None:
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    protocol.read(requests)
    if way == "dies":
        sys.exit("no such library")
    if way == "mumbles":
        replies.write(b"Hello! Loading models...\n")
        replies.flush()
    if way != "sleeps":
        send(replies, protocol.Resident(model="testcard", slots=3))
        send(replies, protocol.Ready(models=(TEST_CARD,), problems=(), device="none"))
    if way == "leaves":
        return
    while (message := protocol.read(requests)) is not None:
        answer(way, message, replies)


def answer(way: str, message: protocol.Message, replies: BinaryIO) -> None:
    match message:
        case protocol.Run(work=work):
            run(way, work.job_id, replies)
        case protocol.Ping(number=number) if way != "deaf":
            silent = 10_000.0 if way == "stuck" else 0.0
            send(replies, protocol.Pong(number=number, silent_seconds=silent))
        case protocol.Stop() if way != "stubborn":
            sys.exit(0)
        case _:
            pass


def run(way: str, job_id: JobId, replies: BinaryIO) -> None:
    send(replies, protocol.Advanced(job_id=job_id, progress=STARTED))
    match way:
        case "aborts":
            os.abort()
        case "talks of others":
            stranger = JobId("stranger")
            send(replies, protocol.Advanced(job_id=stranger, progress=STARTED))
            send(replies, protocol.Stopped(job_id=stranger))
            fell = protocol.Fell(job_id=stranger, code="unheard of", sentence="", detail="")
            send(replies, fell)
            send(replies, protocol.Stopped(job_id=job_id))
        case "floods":
            for _ in range(FLOOD // len(LINE)):
                sys.stderr.write(LINE)
            send(replies, protocol.Stopped(job_id=job_id))
        case "device lost":
            code, detail = "worker_lost", "CUDA error: device-side assert triggered"
            send(replies, protocol.Leaving(reason=code))
            send(
                replies,
                protocol.Fell(job_id=job_id, code=code, sentence="It crashed.", detail=detail),
            )
            quit_now(replies, protocol.EXIT_DEVICE_LOST)
        case "recovers":
            marker = Path(os.environ["BAD_WORKER_MARKER"])
            if not marker.exists():
                marker.touch()
                quit_now(replies, protocol.EXIT_DEVICE_LOST)
            send(replies, protocol.Stopped(job_id=job_id))
        case _:
            break_off(way, job_id, replies)


def break_off(way: str, job_id: JobId, replies: BinaryIO) -> None:
    """Say something that is no message, or leave in the middle."""
    frame = protocol.encode(protocol.Stopped(job_id=job_id))
    match way:
        case "half frame":
            replies.write(frame[: len(frame) // 2])
            quit_now(replies)
        case "stalls in a frame":
            replies.write(frame[: len(frame) // 2])
            replies.flush()
            threading.Event().wait()
        case "giant frame":
            replies.write(protocol.PREFIX.pack(2**32 - 1, 2**32 - 1))
            replies.flush()
        case "nonsense":
            replies.write(protocol.PREFIX.pack(4, 0) + b"null")
            replies.flush()
        case "leaves a child":
            child = subprocess.Popen(  # it keeps our pipes open
                [sys.executable, "-S", "-c", "import time; time.sleep(600)"],
                start_new_session=True,
            )
            Path(os.environ["BAD_WORKER_MARKER"]).write_text(str(child.pid))
            quit_now(replies)
        case _:
            pass


def quit_now(replies: BinaryIO, status: int = 1) -> NoReturn:
    replies.flush()
    os._exit(status)


def send(replies: BinaryIO, message: protocol.FromWorker) -> None:
    replies.write(protocol.encode(message))
    replies.flush()


if __name__ == "__main__":
    threading.current_thread().name = sys.argv[1]
    main(sys.argv[1])
