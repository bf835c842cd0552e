"""Everything that can go wrong, as one tree; each error knows the sentence a member may read.

GenerationError
├── Refused                  the member's to mend; never retried
│   ├── InvalidParams        an option is impossible for this model
│   ├── OverLimit            a server's limit is met
│   ├── QueueFull            nobody can join now
│   ├── Closing              the bot is about to stop
│   ├── BadImage             an uploaded picture cannot be used
│   ├── UnknownJob           a button or id that leads nowhere
│   └── PictureGone          a stored picture that was deleted
├── BackendError             ours; the dispatcher decides on a retry
│   ├── Unavailable          cannot be reached, or not started
│   │   └── Busy             takes no more for a while, and says so itself
│   ├── TimedOut             took longer than its deadline
│   ├── BadReply             answered with something that is no picture
│   ├── Rejected             the engine does not take the request as it is
│   ├── OutOfMemory          the device has no room for the job
│   ├── WorkerLost           the process died under the job
│   ├── BlankOutput          the model's numbers are no picture, in full precision either
│   ├── Withheld             the model's safety checker took the picture out
│   ├── LoraUnusable         a LoRA cannot be put on the model
│   └── ControlUnusable      a ControlNet cannot stand beside the model
├── StorageError             ours; the database or the disk does not work
└── DeliveryError            the result exists, but could not be shown
"""

from __future__ import annotations

from typing import ClassVar


class GenerationError(Exception):
    """Base of all. ``sentence`` is safe to show to anyone; ``detail`` is for the log only."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False
    default_sentence: ClassVar[str] = "Something went wrong on our side. Please try again."

    def __init__(self, sentence: str | None = None, *, detail: str | None = None) -> None:
        self.sentence = sentence or self.default_sentence
        self.detail = detail
        super().__init__(self.sentence if detail is None else f"{self.sentence} ({detail})")


class Refused(GenerationError):
    """The member can mend this: the sentence says how."""

    code = "refused"
    default_sentence = "This request cannot be accepted as it is."


class InvalidParams(Refused):
    """An option's value is not possible. ``option`` is the option's name."""

    code = "invalid_params"

    def __init__(self, option: str, sentence: str, *, detail: str | None = None) -> None:
        super().__init__(sentence, detail=detail)
        self.option = option


class OverLimit(Refused):
    """A limit is met. ``limit`` is its name, ``value`` what it is set to."""

    code = "over_limit"

    def __init__(
        self, limit: str, value: float, sentence: str, *, detail: str | None = None
    ) -> None:
        super().__init__(sentence, detail=detail)
        self.limit = limit
        self.value = value


class QueueFull(Refused):
    """The whole queue has reached its bound."""

    code = "queue_full"
    default_sentence = "The queue is full right now. Please try again in a few minutes."


class Closing(Refused):
    """The queue takes nothing more: the bot is about to stop, most often to start anew."""

    code = "closing"
    default_sentence = "The bot is being restarted. Please try again in a minute."


class BadImage(Refused):
    """An uploaded picture was refused; the sentence says which kind would be accepted."""

    code = "bad_image"
    default_sentence = "That picture could not be read. Please use a PNG, JPEG or WebP file."


class UnknownJob(Refused):
    """The job is not in the store (any more)."""

    code = "unknown_job"
    default_sentence = "This picture's settings are no longer stored, so that cannot be done."


class PictureGone(Refused):
    """The picture's bytes are not stored (any more)."""

    code = "picture_gone"
    default_sentence = "This picture is no longer stored, so that cannot be done."


class StorageError(GenerationError):
    """The database or the disk cannot be read or written; ``detail`` tells the operator why."""

    code = "storage_error"
    default_sentence = "The bot cannot save anything right now. Please try again later."


class BackendError(GenerationError):
    """Our failure. ``retryable`` says whether another attempt makes sense."""

    code = "backend_error"
    retryable = True
    default_sentence = "The image generator failed. Please try again."


class Unavailable(BackendError):
    """The backend cannot be reached or has not started."""

    code = "unavailable"
    default_sentence = "The image generator is not available right now. Please try again later."


class Busy(Unavailable):
    """The backend takes no more requests for a while. It has no free slot until that is over.

    The job goes back into the queue for as long as it has time, however often this happens.
    ``retry_after`` is seconds, None where nobody said how long.
    """

    code = "busy"
    default_sentence = "The image generator takes no more requests right now."

    def __init__(
        self,
        sentence: str | None = None,
        *,
        retry_after: float | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(sentence, detail=detail)
        self.retry_after = retry_after


class TimedOut(BackendError):
    """The backend held the job longer than its deadline."""

    code = "timed_out"
    retryable = False
    default_sentence = "This took too long and was stopped. Fewer steps or a smaller size may help."


class BadReply(BackendError):
    """The backend answered with something that is not the asked-for pictures."""

    code = "bad_reply"
    default_sentence = "The image generator sent something that is not a picture."


class Rejected(BackendError):
    """The engine does not take the request as it is. It would not the next time either."""

    code = "rejected"
    retryable = False
    default_sentence = (
        "The image generator does not accept these settings. Please try others, or tell an admin."
    )


class OutOfMemory(BackendError):
    """The device had no room, after every smaller way was tried."""

    code = "out_of_memory"
    retryable = False
    default_sentence = (
        "The image generator ran out of memory. A smaller size or fewer pictures may help."
    )


class WorkerLost(BackendError):
    """The worker process died while the job ran."""

    code = "worker_lost"
    default_sentence = "The image generator crashed on this request."


class BlankOutput(BackendError):
    """What the model computed is not a number. The same request would come to the same again."""

    code = "blank_output"
    retryable = False
    default_sentence = "The model produced an empty picture. Another seed or sampler may help."


class Withheld(BackendError):
    """The model's own safety checker took every picture out. It would do so again."""

    code = "withheld"
    retryable = False
    default_sentence = "The model's safety checker withheld this picture."


class NothingFound(BackendError):
    """The model found nothing in a picture that it could cut out, or say. It would not again."""

    code = "nothing_found"
    retryable = False
    default_sentence = "The model found nothing in this picture."


class LoraUnusable(BackendError):
    """A LoRA that was offered cannot be put on the model; its file is broken or another one's."""

    code = "lora_unusable"
    retryable = False
    default_sentence = "That LoRA cannot be used with this model."


class ControlUnusable(BackendError):
    """A ControlNet that was offered cannot stand beside the model, or not with another one."""

    code = "control_unusable"
    retryable = False
    default_sentence = "That kind of control cannot be used with this model."


class DeliveryError(GenerationError):
    """A result could not be shown. ``retry_after`` is seconds, or None when it never can be."""

    code = "delivery_error"
    default_sentence = "The result could not be posted here."

    def __init__(
        self,
        sentence: str | None = None,
        *,
        retry_after: float | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(sentence, detail=detail)
        self.retry_after = retry_after


def backend_error(code: str) -> type[BackendError]:
    """The kind of failure with that code; the most general one for a code that is not known."""
    return _BY_CODE.get(code, BackendError)


def _subtypes(kind: type[BackendError]) -> list[type[BackendError]]:
    return [kind, *(deep for child in kind.__subclasses__() for deep in _subtypes(child))]


_BY_CODE = {kind.code: kind for kind in _subtypes(BackendError)}
