"""What went wrong with a server, in words for its operator: the cause, and what to change."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from generation.backends.remote.server import Server
from generation.errors import BackendError, BadReply, TimedOut, Unavailable


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """A cause and its mend, one sentence each. Neither holds secrets, prompts or bodies."""

    cause: str
    mend: str

    def __str__(self) -> str:
        return f"{self.cause} {self.mend}"

    def unavailable(self) -> Unavailable:
        """It as an error of a server that cannot be used now."""
        return Unavailable(detail=str(self))

    def bad_reply(self) -> BadReply:
        """It as an error of a server that answers with something else."""
        return BadReply(detail=str(self))


class Redirected(aiohttp.ClientError):
    """The server wants to be asked elsewhere."""


def of_failure(error: Exception, server: Server) -> BackendError:
    """The error that a failed request means: one of aiohttp's, or the end of its time."""
    for kind, explain in _FAILURES:
        if isinstance(error, kind):
            return explain(error, server)
    return _not_http(server).bad_reply()


def of_socket(error: object, server: Server) -> BackendError:
    """The error that ended a WebSocket."""
    too_big = aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    if isinstance(error, aiohttp.WebSocketError) and error.code == too_big:
        return too_long(server).bad_reply()
    return broken_socket(server).unavailable()


def of_status(status: int, server: Server) -> Trouble | None:
    """What an answer's status says about the server or its address; None where nothing is wrong.

    What a status means for one request (400, 422, 500) only its protocol knows.
    """
    explain = _STATUSES.get(status)
    return None if explain is None else explain(server)


def not_found(server: Server) -> Trouble:
    """Something answers there, but not what was expected."""
    return Trouble(
        cause=f"{server.url} answers, but does not know what was asked of it (status 404).",
        mend="Check the port and the path of the address, and that the server's API is enabled.",
    )


def redirected(server: Server) -> Trouble:
    """The server wants to be asked elsewhere, where our login must not go by itself."""
    return Trouble(
        cause=f"{server.url} sends us on to another address, or to a login page.",
        mend="Write the address it ends at as the backend's url, with https:// if it uses that.",
    )


def a_page(server: Server) -> Trouble:
    """A page for people came where data was expected."""
    return Trouble(
        cause=f"{server.url} answers with a web page instead of data.",
        mend="Check port and path, that its API is enabled, and that no login page is before it.",
    )


def led_elsewhere(server: Server) -> Trouble:
    """A reply named a URL of another host."""
    return Trouble(
        cause=f"{server.url} points to a file on another host, which is not fetched.",
        mend="Set the server's own public address in its configuration, or use that as the url.",
    )


def no_json(server: Server) -> Trouble:
    """Something else came where JSON was expected."""
    return Trouble(
        cause=f"{server.url} answers with something that cannot be read.",
        mend="Check that the address is that of the engine, and the engine's version.",
    )


def too_long(server: Server) -> Trouble:
    """The answer has no end in sight."""
    return Trouble(
        cause=f"{server.url} sends more than is read of any answer.",
        mend="Check that the address is that of the engine.",
    )


def broken_socket(server: Server) -> Trouble:
    """A WebSocket ended by an error, or by a message that is too long."""
    return Trouble(
        cause=f"The WebSocket to {server.url} broke.",
        mend="Look at the server's log, and at a proxy before it.",
    )


def closed() -> Trouble:
    """We are leaving ourselves."""
    return Trouble(cause="The backend was closed.", mend="Start Easel again.")


def _no_connection(error: aiohttp.ClientConnectorError, server: Server) -> Trouble:
    number = error.os_error.errno
    if number in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return Trouble(
            cause=f"There is no way to {server.host} from here.",
            mend="Check the address, the network and the firewall between the machines.",
        )
    if number == errno.ETIMEDOUT:
        return _no_answer(server)
    return Trouble(cause=f"Nothing listens at {server.host}:{server.port}.", mend=_start(server))


def _start(server: Server) -> str:
    if server.is_this_machine:
        return (
            "Start the server or mend the port; if Easel runs in a container, localhost is that "
            "container: use host.docker.internal or the machine's address, and let the server "
            "listen on all addresses (--listen)."
        )
    return "Start the server there, let it listen on all addresses (--listen), or mend the port."


def _no_answer(server: Server) -> Trouble:
    return Trouble(
        cause=f"{server.host}:{server.port} does not answer.",
        mend="Check that the machine is on, and that its firewall lets this port through.",
    )


def _unknown_host(server: Server) -> Trouble:
    return Trouble(
        cause=f"No machine named {server.host} is known here.",
        mend="Check the spelling; between containers use the service's name, else an IP address.",
    )


def _tls(error: aiohttp.ClientSSLError, server: Server) -> Trouble:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "") or "it cannot be verified"
        return Trouble(
            cause=f"The certificate of {server.host} is not accepted: {reason}.",
            mend="Give the server a valid one, or set verify_tls = false if you trust the network.",
        )
    return Trouble(
        cause=f"{server.host}:{server.port} does not speak TLS as we do.",
        mend="If the server has no https, write http:// in the address.",
    )


def _hung_up(server: Server) -> Trouble:
    return Trouble(
        cause=f"{server.url} closed the connection without an answer.",
        mend="Look at the server's log; if it speaks https only, write https:// in the address.",
    )


def _cut_short(server: Server) -> Trouble:
    return Trouble(
        cause=f"{server.url} broke off in the middle of its answer.",
        mend="Look at the server's log, and at the limits of a proxy before it.",
    )


def _too_slow(server: Server) -> Trouble:
    return Trouble(
        cause=f"{server.url} kept us waiting too long.",
        mend="Look whether it hangs or is overloaded; raise the backend's timeout if it is slow.",
    )


def _not_let_in(server: Server) -> Trouble:
    if server.token or server.username is not None:
        return Trouble(
            cause=f"{server.url} does not accept our login.",
            mend="Mend the backend's username and password, or its token.",
        )
    return Trouble(
        cause=f"{server.url} wants a login.",
        mend="Give this backend a username and password, or a token.",
    )


def _bad_address(server: Server) -> Trouble:
    return Trouble(
        cause=f"{server.url} is no usable address.",
        mend="Write it like http://127.0.0.1:7860.",
    )


def _no_socket(error: aiohttp.WSServerHandshakeError, server: Server) -> BackendError:
    found = of_status(error.status, server)
    return a_page(server).bad_reply() if found is None else found.unavailable()


def _not_http(server: Server) -> Trouble:
    return Trouble(
        cause=f"What answers at {server.host}:{server.port} does not speak HTTP as it should.",
        mend="Check the port, and whether the address should begin with https://.",
    )


def _unpaid(server: Server) -> Trouble:
    return Trouble(
        cause=f"{server.url} asks to be paid (status 402).",
        mend="Look at the account's credit there.",
    )


def _too_large(server: Server) -> Trouble:
    return Trouble(
        cause=f"{server.url} does not take requests that large (status 413).",
        mend="Raise the limit of the proxy before it, such as nginx's client_max_body_size.",
    )


def _too_many(server: Server) -> Trouble:
    return Trouble(
        cause=f"{server.url} has had too many requests (status 429).",
        mend="Give this backend fewer slots, or raise the server's limit.",
    )


def _behind_is_down(server: Server) -> Trouble:
    return Trouble(
        cause=f"What stands before {server.url} cannot reach the server itself.",
        mend="Start the server, or look at the proxy's configuration.",
    )


_Explained = Callable[[Any, Server], BackendError]

# In this order: aiohttp's kinds contain each other.
_FAILURES: tuple[tuple[type[Exception], _Explained], ...] = (
    (Redirected, lambda _, server: redirected(server).bad_reply()),
    (aiohttp.ConnectionTimeoutError, lambda _, server: _no_answer(server).unavailable()),
    (TimeoutError, lambda _, server: TimedOut(detail=str(_too_slow(server)))),
    (aiohttp.ClientSSLError, lambda error, server: _tls(error, server).unavailable()),
    (aiohttp.ClientConnectorDNSError, lambda _, server: _unknown_host(server).unavailable()),
    (aiohttp.ClientConnectorError, lambda e, server: _no_connection(e, server).unavailable()),
    (aiohttp.WSServerHandshakeError, _no_socket),
    (aiohttp.InvalidURL, lambda _, server: _bad_address(server).unavailable()),
    (aiohttp.ClientPayloadError, lambda _, server: _cut_short(server).unavailable()),
    (aiohttp.ServerDisconnectedError, lambda _, server: _hung_up(server).unavailable()),
    (OSError, lambda _, server: _hung_up(server).unavailable()),
)

_STATUSES: dict[int, Callable[[Server], Trouble]] = {
    401: _not_let_in,
    402: _unpaid,
    403: _not_let_in,
    404: not_found,
    413: _too_large,
    429: _too_many,
    502: _behind_is_down,
    503: _behind_is_down,
    504: _behind_is_down,
}
