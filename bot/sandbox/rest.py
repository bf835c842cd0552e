"""REST v10: reads requests, applies planned faults, and answers as Discord does."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web

from bot.sandbox.cdn import Upload
from bot.sandbox.errors import ApiError, Code
from bot.sandbox.faults import Fault, Faults
from bot.sandbox.wire import Json, JsonObject, as_object, decode, encode

API_PREFIX = "/api/v10"
REQUEST_LIMIT = 25 * 1024 * 1024
_FILE_PART = re.compile(r"files\[(\d+)\]")
_LIMIT = 50
_LOG_LENGTH = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as a route's handler gets it."""

    path: dict[str, str]
    query: dict[str, str]
    body: Json = None
    uploads: list[Upload] = field(default_factory=list)

    @property
    def data(self) -> JsonObject:
        """The body as an object, empty where it is none."""
        return as_object(self.body)

    def flag(self, name: str) -> bool:
        """Whether a query parameter is set; booleans travel as 1 or true."""
        return self.query.get(name, "").lower() in {"1", "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a handler answers; a status of 204 has no body."""

    body: Json = None
    status: int = 200


NOTHING = Answer(status=204)

Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and path pattern of the API. Those with a token in their path need no other."""

    method: str
    pattern: str
    handler: Handler
    token_in_path: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request of the bot and its answer, for observers and for tests to look back on.

    `files` are index, name and length. `answered` is False where a fault cut the connection,
    `faulty` True where any fault struck.
    """

    method: str
    path: str
    pattern: str
    query: dict[str, str]
    body: Json
    files: tuple[tuple[int, str, int], ...]
    multipart: bool
    status: int
    answer: Json
    answered: bool
    faulty: bool
    at: float


Observer = Callable[[Exchange], None]


class RestApi:
    """Serves the routes. Every exchange goes to the log and to the observers."""

    def __init__(self, token: str, faults: Faults, now: Callable[[], float]) -> None:
        self._token = token
        self._faults = faults
        self._now = now
        self.observers: list[Observer] = []
        self.log: deque[Exchange] = deque(maxlen=_LOG_LENGTH)

    def install(self, app: web.Application, routes: list[Route]) -> None:
        """Add routes."""
        for route in routes:
            app.router.add_route(route.method, API_PREFIX + route.pattern, self._serving(route))

    def install_unknown(self, app: web.Application) -> None:
        """Add the route that answers 404 to everything else under the API."""
        unknown = Route("*", "/{rest:.*}", _no_such_route, token_in_path=True)
        app.router.add_route("*", "/api/{rest:.*}", self._serving(unknown))

    def _serving(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(route, request)

        return serve

    async def _serve(self, route: Route, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(API_PREFIX)
        fault = self._faults.strike(request.method, path)
        if fault is not None and fault.kind == "hold":
            await self._faults.hold(fault)
        call = Call(path=dict(request.match_info), query=dict(request.query))
        applied = True
        try:
            call = await read_call(request)
            struck = None if fault is None else _struck(fault)
            applied = struck is None and (fault is None or fault.kind != "cut")
            answer = struck or (self._apply(route, request, call) if applied else NOTHING)
        except ApiError as error:
            answer = Answer(body=error.body(), status=error.status)
        lost = fault is not None and fault.kind in {"cut", "lost_answer"}
        self._note(route, request, call, answer, fault)
        if lost:
            return _cut(request)
        return self._respond(route, request, answer, fault)

    def _apply(self, route: Route, request: web.Request, call: Call) -> Answer:
        if not route.token_in_path and request.headers.get("Authorization") != f"Bot {self._token}":
            raise ApiError.of(Code.UNAUTHORIZED)
        return route.handler(call)

    def _respond(
        self, route: Route, request: web.Request, answer: Answer, fault: Fault | None
    ) -> web.Response:
        headers = _rate_limit_headers(route, request, self._now())
        if fault is not None and fault.kind == "rate_limit":
            headers = _exceeded_headers(headers, fault)
            if not fault.via:
                return web.Response(
                    status=429, text="error code: 1015", headers={"Retry-After": "600"}
                )
        if answer.status == NOTHING.status:
            return web.Response(status=204, headers=headers)
        # Exactly this content type: discord.py takes "application/json; charset=utf-8" for text.
        headers["Content-Type"] = "application/json"
        return web.Response(
            status=answer.status, body=encode(answer.body).encode(), headers=headers
        )

    def _note(
        self, route: Route, request: web.Request, call: Call, answer: Answer, fault: Fault | None
    ) -> None:
        exchange = Exchange(
            method=request.method,
            path=request.path.removeprefix(API_PREFIX),
            pattern=route.pattern,
            query=call.query,
            body=call.body,
            files=tuple((item.index, item.filename, len(item.data)) for item in call.uploads),
            multipart=request.content_type == "multipart/form-data",
            status=answer.status,
            answer=answer.body,
            answered=fault is None or fault.kind not in {"cut", "lost_answer"},
            faulty=fault is not None,
            at=self._now(),
        )
        self.log.append(exchange)
        for observer in tuple(self.observers):
            observer(exchange)


async def read_call(request: web.Request) -> Call:
    """Read path, query and body. Raises 40005 for too much, 50109 for what is not JSON."""
    path, query = dict(request.match_info), dict(request.query)
    if request.content_type == "multipart/form-data":
        body, uploads = await _read_multipart(request)
        return Call(path=path, query=query, body=body, uploads=uploads)
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise ApiError.of(Code.TOO_LARGE) from None
    if len(raw) > REQUEST_LIMIT:
        raise ApiError.of(Code.TOO_LARGE)
    return Call(path=path, query=query, body=_json(raw) if raw else None)


async def _read_multipart(request: web.Request) -> tuple[Json, list[Upload]]:
    total = 0
    body: Json = None
    uploads: list[Upload] = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise ApiError.of(Code.INVALID_FORM_BODY)
        # All is read to the end, so that the client reads our refusal and not a cut connection.
        data = bytes(await part.read())
        total += len(data)
        if total > REQUEST_LIMIT:
            continue
        named = _FILE_PART.fullmatch(part.name or "")
        if part.name == "payload_json":
            body = _json(data)
        elif named is not None:
            filename = part.filename or "unknown"
            uploads.append(Upload(index=int(named[1]), filename=filename, data=data))
    if total > REQUEST_LIMIT:
        raise ApiError.of(Code.TOO_LARGE)
    return body, uploads


def _json(raw: bytes) -> Json:
    try:
        return decode(raw)
    except ValueError:
        raise ApiError.of(Code.INVALID_JSON) from None


def _struck(fault: Fault) -> Answer | None:
    if fault.kind == "status":
        words: JsonObject = {"message": f"{fault.status}: sandbox fault", "code": fault.code}
        return Answer(body=words, status=fault.status)
    if fault.kind == "api_error":
        return Answer(body={"message": fault.message, "code": fault.code}, status=fault.status)
    if fault.kind == "rate_limit":
        limited: JsonObject = {
            "message": "You are being rate limited.",
            "retry_after": fault.retry_after,
            "global": fault.everywhere,
        }
        return Answer(body=limited, status=429)
    return None


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _rate_limit_headers(route: Route, request: web.Request, now: float) -> dict[str, str]:
    bucket = hashlib.sha256(f"{request.method} {route.pattern}".encode()).hexdigest()[:32]
    return {
        "X-RateLimit-Bucket": bucket,
        "X-RateLimit-Limit": str(_LIMIT),
        "X-RateLimit-Remaining": str(_LIMIT - 1),
        "X-RateLimit-Reset": f"{now + 1:.3f}",
        "X-RateLimit-Reset-After": "1.000",
    }


def _exceeded_headers(headers: dict[str, str], fault: Fault) -> dict[str, str]:
    return headers | {
        "Via": "1.1 google",
        "Retry-After": str(max(1, round(fault.retry_after))),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset-After": f"{fault.retry_after:.3f}",
        "X-RateLimit-Scope": "global" if fault.everywhere else "user",
    }


def _no_such_route(call: Call) -> Answer:
    del call
    raise ApiError.of(Code.NOT_FOUND)
