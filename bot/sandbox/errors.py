"""Discord's refusals: status, code, message and, for bad forms, where in the form."""

from __future__ import annotations

from enum import Enum

from bot.sandbox.wire import Json, JsonObject


class Code(Enum):
    """Refusals by name: HTTP status, Discord's code, Discord's words."""

    UNAUTHORIZED = (401, 0, "401: Unauthorized")
    NOT_FOUND = (404, 0, "404: Not Found")
    METHOD_NOT_ALLOWED = (405, 0, "405: Method Not Allowed")
    UNKNOWN_APPLICATION = (404, 10002, "Unknown Application")
    UNKNOWN_CHANNEL = (404, 10003, "Unknown Channel")
    UNKNOWN_GUILD = (404, 10004, "Unknown Guild")
    UNKNOWN_MEMBER = (404, 10007, "Unknown Member")
    UNKNOWN_MESSAGE = (404, 10008, "Unknown Message")
    UNKNOWN_OVERWRITE = (404, 10009, "Unknown Permission Overwrite")
    UNKNOWN_ROLE = (404, 10011, "Unknown Role")
    UNKNOWN_USER = (404, 10013, "Unknown User")
    UNKNOWN_EMOJI = (404, 10014, "Unknown Emoji")
    UNKNOWN_WEBHOOK = (404, 10015, "Unknown Webhook")
    UNKNOWN_INTERACTION = (404, 10062, "Unknown interaction")
    UNKNOWN_COMMAND = (404, 10063, "Unknown application command")
    TOO_MANY_REACTIONS = (403, 30010, "Maximum number of reactions reached (20)")
    TOO_MANY_COMMANDS = (400, 30032, "Maximum number of application commands reached (100)")
    TOO_LARGE = (413, 40005, "Request entity too large")
    ALREADY_ACKNOWLEDGED = (400, 40060, "Interaction has already been acknowledged.")
    TOO_MANY_FOLLOWUPS = (
        400,
        40094,
        "This interaction has reached its maximum number of follow-up messages",
    )
    MISSING_ACCESS = (403, 50001, "Missing Access")
    CANNOT_EDIT_OTHERS = (403, 50005, "Cannot edit a message authored by another user")
    EMPTY_MESSAGE = (400, 50006, "Cannot send an empty message")
    CANNOT_DM = (403, 50007, "Cannot send messages to this user")
    MISSING_PERMISSIONS = (403, 50013, "Missing Permissions")
    INVALID_WEBHOOK_TOKEN = (401, 50027, "Invalid Webhook Token")
    WRONG_CHANNEL_TYPE = (400, 50024, "Cannot execute action on this channel type")
    BULK_DELETE_COUNT = (400, 50016, "Provided too few or too many messages to delete.")
    INVALID_FORM_BODY = (400, 50035, "Invalid Form Body")
    INVALID_JSON = (400, 50109, "The request body contains invalid JSON.")
    THREAD_ARCHIVED = (400, 50083, "Thread is archived")
    REPLY_NEEDS_HISTORY = (
        403,
        160002,
        "You cannot reply without permission to read message history",
    )
    THREAD_EXISTS = (400, 160004, "A thread has already been created for this message")
    THREAD_LOCKED = (403, 160005, "This thread is locked")


class ApiError(Exception):
    """A request that Discord refuses, with everything its answer carries."""

    def __init__(
        self, status: int, code: int, message: str, errors: Json = None, **extra: Json
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.extra = extra

    @classmethod
    def of(cls, code: Code) -> ApiError:
        """Return the refusal of that name."""
        return cls(*code.value)

    def body(self) -> JsonObject:
        """Return the answer's JSON."""
        body: JsonObject = {"message": self.message, "code": self.code, **self.extra}
        if self.errors is not None:
            body["errors"] = self.errors
        return body


class FormErrors:
    """Collects what is wrong with a form, so that one answer tells all of it."""

    def __init__(self) -> None:
        self._found: list[tuple[tuple[str, ...], str, str]] = []

    def add(self, path: tuple[str, ...], code: str, message: str) -> None:
        """Note one fault at `path`, for example `("embeds", "0", "title")`."""
        self._found.append((path, code, message))

    def raise_if_any(self) -> None:
        """Raise Discord's 50035 with the tree of faults, or do nothing."""
        if self._found:
            raise self.as_error()

    def as_error(self) -> ApiError:
        """Return Discord's 50035 with the tree of faults."""
        return ApiError(*Code.INVALID_FORM_BODY.value, errors=self._tree())

    def _tree(self) -> JsonObject:
        root = _Node()
        for path, code, message in self._found:
            node = root
            for step in path:
                node = node.below.setdefault(step, _Node())
            node.faults.append({"code": code, "message": message})
        return root.to_wire()


class _Node:
    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.faults: list[JsonObject] = []

    def to_wire(self) -> JsonObject:
        # A part with faults inside it does not speak of its own as well.
        if self.below:
            return {step: node.to_wire() for step, node in self.below.items()}
        return {"_errors": [*self.faults]}


def invalid(path: tuple[str, ...], code: str, message: str) -> ApiError:
    """Return a 50035 with a single fault."""
    errors = FormErrors()
    errors.add(path, code, message)
    return errors.as_error()
