"""What an app answers when it does not take a call, in words for its operator."""

from __future__ import annotations

import json

from generation.backends.gradio import words
from generation.backends.gradio.app import App
from generation.backends.remote import trouble
from generation.backends.remote.reply import Reply
from generation.backends.remote.server import Server
from generation.backends.remote.trouble import Trouble
from generation.errors import BackendError, Busy

_BROKEN_FIELDS = frozenset({"session_hash", "event_id", "event_data", "fn_index"})


def of_reply(reply: Reply, app: App) -> BackendError:
    """The error that an answer with another status than 200 means."""
    server, status, detail = reply.server, reply.status, _detail(reply)
    if status == 422:
        return _unprocessable(detail, server, app)
    if status == 503 and isinstance(detail, str):
        is_full = "full" in detail.casefold()
        return full(server) if is_full else stopped(server).unavailable()
    if status in {400, 500}:
        return _no_such_function(server).unavailable()
    if status == 404:
        return _not_there(server).unavailable()
    found = trouble.of_status(status, server)
    if found is not None:
        return found.unavailable()
    return (trouble.a_page(server) if reply.is_page else _odd(server)).bad_reply()


def failed_output(reply: Reply) -> object | None:
    """What /run says of a function that failed; None where it is the server that failed."""
    value = _json(reply)
    return value if isinstance(value, dict) and "error" in value else None


def full(server: Server) -> Busy:
    """The error of an app that takes no more jobs for now."""
    return Busy(detail=str(queue_full(server)))


def queue_full(server: Server) -> Trouble:
    """The app has a bound on its queue, and it is reached."""
    return Trouble(
        cause=f"The queue of {server.host} is full.",
        mend="It is tried again; if it happens often, the app's owner may raise max_size.",
    )


def stopped(server: Server) -> Trouble:
    """The app is going down, or has gone down under the job."""
    return Trouble(
        cause=f"The app at {server.host} is stopping or starting anew.",
        mend="Wait until it is back; look at its log if it does not come back.",
    )


def lost(server: Server) -> Trouble:
    """The stream ended before the job did. Such a job cannot be found again."""
    return Trouble(
        cause=f"The connection to {server.host} ended before the picture was done.",
        mend="Look at the app's log, and at the time limits of a proxy before it.",
    )


def fell_silent(server: Server, app: App) -> Trouble:
    """Gradio 3 took the data and says nothing more."""
    if app.breaks_with_pydantic_2:
        return _pydantic(server, app)
    return Trouble(
        cause=f"The app at {server.host} took the job and says nothing more.",
        mend="Start it anew; look at its log.",
    )


def not_gradio(server: Server) -> Trouble:
    """Something answers, but no Gradio."""
    return Trouble(
        cause=f"There is no Gradio app at {server.url}.",
        mend=(
            "Check the address and its path; a private Space needs a token, and one that sleeps "
            "must be opened once in a browser."
        ),
    )


def not_awake(server: Server) -> Trouble:
    """A Space that is asleep, being built, or paused by its owner."""
    return Trouble(
        cause=f"The Space at {server.host} is not running.",
        mend="Open its page once, or restart it there, and wait until it is built.",
    )


def wants_login(server: Server) -> Trouble:
    """The app has user names."""
    return Trouble(
        cause=f"The app at {server.host} wants a login.",
        mend="Give this backend the username and password that the app's owner set.",
    )


def wrong_login(server: Server) -> Trouble:
    """It has user names, and ours is none."""
    return Trouble(
        cause=f"The app at {server.host} does not accept our user name and password.",
        mend="Mend this backend's username and password.",
    )


def _unprocessable(detail: object, server: Server, app: App) -> BackendError:
    """422: an input's own check failed, or Pydantic 2 under a Gradio that does not know it."""
    faults = [each for each in detail if isinstance(each, dict)] if isinstance(detail, list) else []
    for fault in faults:
        message = words.said(fault.get("message"))
        if message and fault.get("__type__") == "validate":
            name = words.said(fault.get("parameter_name"))
            return words.rejected(f"{name}: {message}" if name else message)
    missing = {str(part) for fault in faults for part in _location(fault)} & _BROKEN_FIELDS
    if missing or app.breaks_with_pydantic_2:
        return _pydantic(server, app).bad_reply()
    return Trouble(
        cause=f"The app at {server.host} does not understand the request (status 422).",
        mend="Look at its log; its Gradio and Pydantic may not fit each other.",
    ).bad_reply()


def _pydantic(server: Server, app: App) -> Trouble:
    return Trouble(
        cause=(
            f"The app at {server.host} runs Gradio {app.version}, which Pydantic 2 breaks: it "
            "wants fields that it should do without."
        ),
        mend='Its owner must install Gradio 3.36.1 or later, or "pydantic<2", and restart it.',
    )


def _location(fault: dict[str, object]) -> list[object]:
    found = fault.get("loc")
    return found if isinstance(found, list) else []


def _no_such_function(server: Server) -> Trouble:
    return Trouble(
        cause=f"The app at {server.host} no longer has the function that was called, or crashed.",
        mend="It is asked anew within minutes; run easel check if this stays.",
    )


def _not_there(server: Server) -> Trouble:
    return Trouble(
        cause=f"The app at {server.host} has closed the way that its version should have open.",
        mend="It may have been restarted as another version: run easel check.",
    )


def _odd(server: Server) -> Trouble:
    return Trouble(
        cause=f"The app at {server.host} answered in a way that no known Gradio does.",
        mend="Look at its log, and at what stands between it and Easel.",
    )


def _detail(reply: Reply) -> object:
    value = _json(reply)
    return value.get("detail") if isinstance(value, dict) else None


def _json(reply: Reply) -> object:
    """The body, where it is JSON; errors come as pages and plain text too."""
    if reply.is_page:
        return None
    try:
        value: object = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return value
