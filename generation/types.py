"""The values that travel between bot, queue and backends: parameters, requests, jobs, outputs."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

JobId = NewType("JobId", str)
"""At most 25 characters, so that it can also be Discord's message nonce."""

OwnerId = NewType("OwnerId", str)
"""Who asked. Opaque to this package."""

ScopeId = NewType("ScopeId", str)
"""Where limits apply: a server, or one person's private messages. Opaque to this package."""

BlobId = NewType("BlobId", str)
"""SHA-256 of stored bytes, in hexadecimal."""

SEED_MAX = 2**32 - 1

_ID_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 22  # 62**22 > 2**128: cannot be guessed, and fits a nonce of 25


def new_job_id() -> JobId:
    """A fresh random id with 128 bits of chance, safe in URLs, file names and custom ids."""
    return JobId("".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH)))


def new_seed() -> int:
    """A random seed in 0 … ``SEED_MAX``."""
    return secrets.randbelow(SEED_MAX + 1)


class Task(StrEnum):
    """What is asked of a model."""

    TXT2IMG = "txt2img"
    IMG2IMG = "img2img"
    INPAINT = "inpaint"
    EDIT = "edit"
    """An instruction, such as “make it night”, on one or several pictures."""

    UPSCALE = "upscale"
    CUTOUT = "cutout"
    """What a picture shows, without its background: a picture with transparency."""

    DESCRIBE = "describe"
    """What a picture shows, in words."""

    @property
    def is_for_tools(self) -> bool:
        """True for what tools do with a finished picture; the others are drawn by models."""
        return self in {Task.UPSCALE, Task.CUTOUT, Task.DESCRIBE}


class JobState(StrEnum):
    """Where a job stands. ``delivering`` holds its outcome until its owner has been shown it."""

    QUEUED = "queued"
    RUNNING = "running"
    DELIVERING = "delivering"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """True once nothing more can happen to the job."""
        return not TRANSITIONS[self]


TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.DELIVERING}),
    JobState.RUNNING: frozenset({JobState.QUEUED, JobState.DELIVERING}),
    JobState.DELIVERING: frozenset(
        {
            JobState.DONE,
            JobState.FAILED,
            JobState.REFUSED,
            JobState.CANCELLED,
            JobState.EXPIRED,
        }
    ),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.REFUSED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.EXPIRED: frozenset(),
}
"""Every allowed change of state; the store refuses all others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lora:
    """A LoRA by its catalogue name, with its weight (usually 0 … 1)."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """A picture that holds a drawing to its lines, depth or pose: a unit of ControlNet.

    ``kind`` is a name from the model's ``controls``. With ``prepare`` the picture is an ordinary
    one from which lines and the like are still to be found; without, it shows them already. It
    acts with ``weight`` (0 … 2) on the steps between the shares ``start`` and ``end`` (0 … 1).
    """

    kind: str
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    prepare: bool = True


OptionValue = bool | int | float | str
"""What an engine's own option may be set to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """An option that only one engine knows, by the name in its models' ``options``."""

    name: str
    value: OptionValue


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """Everything that decides the pixels, fully resolved: nothing here means "the default".

    ``width`` and ``height`` are pixels. ``strength`` is 0 … 1, the share of the input picture
    that is redrawn, and 1.0 for txt2img. Picture ``i`` of ``count`` uses seed ``seed + i``
    (modulo 2**32). ``eta`` is the noise that DDIM and its like add anew, 0 … 1. ``clip_skip`` is
    the text encoder's layer that is read, counted from its end: 1 is the last one. ``exact`` asks
    for every picture to be computed by itself: then it does not depend, in its last bits, on what
    else is being drawn.

    ``width`` and ``height`` are what the model draws. Where ``final_width`` and ``final_height``
    are set the finished picture has that size: inpainting puts what it drew back into a picture
    that may be larger. ``mask_blur`` softens the mask's edge, in pixels of the finished picture;
    with a ``padding`` only the part around the mask is drawn, with so many pixels about it.
    With ``hires`` above 1 a picture from a prompt is enlarged so many times and drawn over with
    ``hires_strength``. With a ``subseed_strength`` all pictures have the seed ``seed``, and the
    noise of picture ``i`` is turned that far (0 … 1) towards that of seed ``subseed + i``.

    ``references`` is how many of the job's pictures are there to be looked at: what an edit works
    on, or what a picture from a prompt should resemble, as far as ``reference_weight`` (0 … 2)
    says. ``controls`` have a picture each. With ``tiling`` the edges meet without a seam.

    For a tool's task ``model`` names the tool, and the size is that of the finished picture; of
    one that is described, its own. All else is without meaning then; ``generation.tools`` fills it.
    """

    task: Task
    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    sampler: str
    scheduler: str
    seed: int
    count: int
    strength: float = 1.0
    loras: tuple[Lora, ...] = ()
    eta: float = 0.0
    clip_skip: int = 1
    exact: bool = False
    mask_blur: int = 0
    padding: int | None = None
    final_width: int = 0
    final_height: int = 0
    hires: float = 1.0
    hires_strength: float = 0.0
    subseed: int = 0
    subseed_strength: float = 0.0
    references: int = 0
    reference_weight: float = 1.0
    controls: tuple[Control, ...] = ()
    tiling: bool = False
    options: tuple[Setting, ...] = ()

    @property
    def final_size(self) -> tuple[int, int]:
        """Width and height of the finished picture."""
        return self.final_width or self.width, self.final_height or self.height

    def seeds(self) -> tuple[int, ...]:
        """What tells each picture from the others, in order: its seed, or that of its variation."""
        first = self.subseed if self.subseed_strength else self.seed
        return tuple((first + index) % (SEED_MAX + 1) for index in range(self.count))

    def work(self) -> float:
        """How much there is to compute: denoising steps × passes × megapixels × pictures.

        A step is two passes where guidance has to know the picture without the prompt as well.
        A control repeats about half of the model, and a picture that is looked at adds about as
        much to each pass as the picture itself.
        """
        passes = 2.0 if self.guidance_scale > 1 else 1.0
        passes *= 1 + len(self.controls) / 2 + self.references
        pixels = self.width * self.height * self.strength
        if self.hires > 1:
            width, height = self.final_size
            pixels += width * height * self.hires_strength
        return self.steps * passes * pixels / 1e6 * self.count


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One accepted wish. ``dedupe_key`` makes submitting twice harmless; times are UNIX seconds.

    ``inputs`` are stored pictures: for img2img and for tools the picture, for inpaint the picture
    and its mask; then the ``references``, then one for each of the ``controls``.
    ``delivery`` is an opaque address that only the caller understands. ``parent`` is the job
    whose picture or settings this one started from. ``weight`` is how many shares of the queue
    its owner has, where 1 is the usual.
    """

    id: JobId
    dedupe_key: str
    owner: OwnerId
    scope: ScopeId
    params: Params
    delivery: str
    accepted_at: float
    deadline: float
    inputs: tuple[BlobId, ...] = ()
    parent: JobId | None = None
    weight: float = 1.0


TEXT = "text/plain"
"""The media type of an output that is a text, in UTF-8."""


UNSEEDED = "unseeded"
"""The flag of an output that its settings would not make again: the engine took no seed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """One finished picture, with the seed that made it. ``flags`` are facts such as ``blank``.

    For ``Task.DESCRIBE`` it is a text instead: of the media type ``TEXT``, without size and seed.
    """

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int
    seed: int
    flags: frozenset[str] = frozenset()

    @classmethod
    def of_text(cls, text: str) -> Output:
        """A text as an output."""
        return cls(data=text.encode(), media_type=TEXT, width=0, height=0, seed=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a backend made of a job, how long it took there, and what its owner should know."""

    outputs: tuple[Output, ...]
    seconds: float
    backend: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a job is. Lossy by contract: only the latest matters. ``preview`` is a small JPEG.

    ``ahead`` is how many of other people's jobs a remote engine does first; then ``eta_seconds`` is
    the time until it starts.
    """

    step: int
    steps: int
    eta_seconds: float | None = None
    preview: bytes | None = field(default=None, repr=False)
    ahead: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Why a job ended without pictures, as stored: an error's code and its safe sentence."""

    code: str
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredOutput:
    """An ``Output`` whose bytes lie in the blob store."""

    blob: BlobId
    media_type: str
    width: int
    height: int
    seed: int
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A request and what became of it, as the store knows it.

    ``outcome`` is the final state that ``delivering`` leads to. ``outputs``, ``seconds``,
    ``backend`` and ``notes`` are set when it is ``done``; ``fault`` when it is anything else.
    """

    request: Request
    state: JobState
    attempts: int
    outcome: JobState | None = None
    started_at: float | None = None
    ended_at: float | None = None
    outputs: tuple[StoredOutput, ...] = ()
    seconds: float | None = None
    backend: str | None = None
    notes: tuple[str, ...] = ()
    fault: Fault | None = None

    @property
    def id(self) -> JobId:
        """The request's id."""
        return self.request.id
