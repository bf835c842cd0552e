"""What a ComfyUI server refuses and what breaks there, in words: for its operator, and for members.

The server's own reports hold tracebacks and paths of its machine, and repeat prompts. Of these only
the node, the input and the kind of error are told on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from generation.backends.remote import trouble, values
from generation.backends.remote.reply import Reply
from generation.errors import BackendError, BadReply, OutOfMemory, Rejected

_MOST_WORDS = 300
_MOST_ERRORS = 3
_REFUSED = 400
_PROMPTS = frozenset({"text", "prompt", "text_g", "text_l", "clip_l", "t5xxl", "value", "string"})
_FOLDERS = ("/", "\\")


def of_answer(reply: Reply, workflow: str) -> BackendError:
    """The error that the answer to ``POST /prompt`` means, when it is not the usual one."""
    if reply.status != _REFUSED:
        found = trouble.of_status(reply.status, reply.server)
        if found is not None:
            return found.unavailable()
        return BadReply(detail=f"{reply.server.url} answers a workflow with {reply.status}")
    return of_refusal(values.mapping(reply.json(), "refusal"), workflow)


def of_refusal(body: Mapping[str, object], workflow: str) -> Rejected:
    """The error that a refused workflow is, also one of which only a part was refused."""
    error = body.get("error")
    told = [*_of_nodes(body.get("node_errors"))][:_MOST_ERRORS]
    if not told and isinstance(error, dict):
        told = [_short(f"{error.get('message')} {error.get('details')}")]
    reasons = "; ".join(told) or "no reason is given"
    return Rejected(detail=f"ComfyUI refuses the workflow {workflow}: {reasons}")


def of_execution(error: Mapping[str, object], workflow: str) -> BackendError:
    """The error that ended a run: an ``execution_error``, from the socket or from the history."""
    kind = values.field_text(error, "exception_type").rpartition(".")[2]
    message = values.field_text(error, "exception_message")
    where = f"{values.field_text(error, 'node_type')} (node {error.get('node_id')})"
    detail = f"{workflow} broke in {where}: {kind}: {_without_paths(message)}"
    if "OutOfMemory" in kind or "out of memory" in message.lower():
        return OutOfMemory(detail=detail)
    return BackendError(detail=detail)


def _of_nodes(errors: object) -> Iterator[str]:
    """A few words for each input that did not pass."""
    for node, found in errors.items() if isinstance(errors, dict) else ():
        if not isinstance(found, dict):
            continue
        listed = found.get("errors")
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, dict):
                kind = values.field_text(found, "class_type")
                yield f"node {node} ({kind}): {_of_input(item)}"


def _of_input(item: Mapping[str, object]) -> str:
    extra = item.get("extra_info")
    name = values.field_text(extra, "input_name") if isinstance(extra, dict) else ""
    message = _short(values.field_text(item, "message"))
    if name in _PROMPTS:
        return f"{name}: {values.field_text(item, 'type')}"
    if values.field_text(item, "type") == "value_not_in_list" and isinstance(extra, dict):
        return f"{name}: the server has no {_short(str(extra.get('received_value')))}"
    if values.field_text(item, "type") == "required_input_missing":
        return f"{name or values.field_text(item, 'details')}: it is missing"
    return f"{name}: {message}"


def _without_paths(message: str) -> str:
    """The first line, and of every path its last part."""
    line = next(iter(message.strip().splitlines()), "")
    words = (
        word.rpartition("/")[2] if word.startswith(_FOLDERS) else word for word in line.split()
    )
    return _short(" ".join(words))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MOST_WORDS else f"{text[: _MOST_WORDS - 1]}…"
