"""One server's line: what reaches it, what comes back, and everything that may go wrong."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable

import pytest
from aiohttp import web

from generation.backends.remote.server import Server
from generation.backends.remote.wire import Deadlines, Part, Wire
from generation.errors import BackendError, BadReply, TimedOut, Unavailable
from tests.servers.loopback import deaf_port, raw, served

SHORT = Deadlines(connect=2.0, silence=0.2, total=2.0)
PASSWORD = "hunter2secret"


def app_of(handler: Callable[[web.Request], object]) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]
    return app


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "path": request.path_qs,
            "headers": dict(request.headers),
            "body": (await request.read()).decode("utf-8", "replace"),
        }
    )


async def asked(server: Server, path: str = "x") -> object:
    wire = Wire(server, deadlines=SHORT)
    try:
        return (await wire.get(path)).json()
    finally:
        await wire.aclose()


async def error_of(handler: Callable[[web.Request], object], *, most_bytes: int = 999) -> str:
    async with served(app_of(handler)) as url:
        wire = Wire(Server.at(url), deadlines=SHORT, most_bytes=most_bytes)
        try:
            with pytest.raises(BackendError) as caught:
                (await wire.post("x", json={"prompt": "a cat"})).json()
        finally:
            await wire.aclose()
    assert url not in caught.value.sentence
    return f"{caught.value.code}: {caught.value.detail}"


async def test_requests_go_below_the_address_with_its_login_and_headers() -> None:
    async with served(app_of(echo)) as url:
        server = Server.at(f"{url}/sd/", username="ada", password=PASSWORD, headers=(("X-K", "v"),))
        got = await asked(server, "sdapi/v1/options?a=1")
    assert isinstance(got, dict)
    assert got["path"] == "/sd/sdapi/v1/options?a=1"
    assert got["headers"]["Authorization"] == "Basic YWRhOmh1bnRlcjJzZWNyZXQ="
    assert got["headers"]["X-K"] == "v"


async def test_json_and_forms_arrive_as_they_were_meant() -> None:
    async with served(app_of(echo)) as url:
        wire = Wire(Server.at(url, token="t0k3n"))
        got = (await wire.post("x", json={"prompt": "a cât"})).json()
        file = Part(name="files", data=b"\x89PNG", filename="a.png", media_type="image/png")
        form = (await wire.post("y", form=[Part(name="overwrite", data=b"true"), file])).json()
        await wire.aclose()
    assert isinstance(got, dict)
    assert json.loads(got["body"]) == {"prompt": "a cât"}
    assert got["headers"]["Content-Type"] == "application/json"
    assert got["headers"]["Authorization"] == "Bearer t0k3n"
    assert isinstance(form, dict)
    assert form["headers"]["Content-Type"].startswith("multipart/form-data")
    assert 'name="files"; filename="a.png"' in form["body"]
    assert 'name="overwrite"' in form["body"]


async def test_no_other_host_is_asked_and_none_gets_the_login() -> None:
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response()

    async with served(app_of(elsewhere)) as other:

        async def redirect(_: web.Request) -> web.Response:
            raise web.HTTPTemporaryRedirect(f"{other}/stolen")

        async with served(app_of(redirect)) as url:
            wire = Wire(Server.at(url, token="t0k3n"))
            with pytest.raises(BadReply, match="another address"):
                await wire.get("x")
            with pytest.raises(BadReply, match="another address"):
                async with wire.websocket("ws"):
                    pass
            with pytest.raises(BadReply, match="another host"):
                await wire.get(f"{other}/file.png")
            await wire.aclose()
    assert seen == []


async def test_a_page_garbage_and_nan_are_no_json() -> None:
    def replying(body: str, media_type: str = "application/json") -> Callable[..., object]:
        async def reply(_: web.Request) -> web.Response:
            return web.Response(text=body, content_type=media_type)

        return reply

    assert "web page" in await error_of(replying("<!DOCTYPE html><p>hi", "text/html"))
    assert "web page" in await error_of(replying("  <html>"))
    assert "cannot be read" in await error_of(replying("oops"))
    assert "cannot be read" in await error_of(replying('{"eta": NaN}'))
    assert "cannot be read" in await error_of(replying("[" * 900))


async def test_an_answer_without_end_is_given_up() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 512)

    assert "more than is read" in await error_of(endless)


async def test_a_server_that_keeps_silent_is_given_up_before_and_after_its_headers() -> None:
    async def before(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async def after(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.Event().wait()
        return response

    assert (await error_of(before)).startswith("timed_out: ")
    assert (await error_of(after)).startswith("timed_out: ")


async def test_a_server_that_drips_is_given_up_when_its_whole_time_is_over() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    async with served(app_of(drip)) as url:
        wire = Wire(Server.at(url), deadlines=Deadlines(silence=5.0, total=0.2))
        with pytest.raises(TimedOut):
            await wire.get("x")
        await wire.aclose()


async def test_a_server_that_dies_while_it_answers_is_unavailable() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{")
        writer.close()

    async def other_tongue(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        writer.close()

    for handler, words in (
        (hang_up, "closed the connection"),
        (break_off, "broke off"),
        (other_tongue, "does not speak HTTP"),
    ):
        async with raw(handler) as url:
            with pytest.raises(BackendError, match=words):
                await asked(Server.at(url))


async def test_a_port_without_a_server_a_name_without_a_machine_and_tls_have_their_own_words() -> (
    None
):
    with pytest.raises(Unavailable, match=r"Nothing listens at 127\.0\.0\.1.*container"):
        await asked(Server.at(f"127.0.0.1:{deaf_port()}"))
    with pytest.raises(Unavailable, match=r"No machine named no-such\.invalid"):
        await asked(Server.at("http://no-such.invalid:7860"))
    async with served(app_of(echo)) as url:
        with pytest.raises(Unavailable, match=r"does not speak TLS.*write http://"):
            await asked(Server.at(url.replace("http:", "https:")))


async def test_lines_may_be_longer_than_any_buffer_and_events_are_read_by_the_standard() -> None:
    picture = "x" * 300_000
    sent = f': hello\r\nevent: done\r\ndata: {{"a":\r\ndata: 1}}\r\n\r\ndata:{picture}\n\ndata: cut'

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for at in range(0, len(sent), 1000):
            await response.write(sent[at : at + 1000].encode())
        return response

    async with served(app_of(stream)) as url:
        wire = Wire(Server.at(url))
        async with wire.stream("x", method="GET") as answer:
            events = [(event.name, event.data) async for event in answer.events()]
        await wire.aclose()
    assert events == [("done", '{"a":\n1}'), ("message", picture)]


async def test_a_websocket_carries_both_kinds_and_ends_with_none() -> None:
    async def talk(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert request.headers["Authorization"] == "Bearer t0k3n"
        await socket.send_str((await socket.receive_str()).upper())
        await socket.send_bytes(b"\x00" * 5_000_000)
        await socket.close()
        return socket

    async with served(app_of(talk)) as url:
        wire = Wire(Server.at(url, token="t0k3n"))
        async with wire.websocket("ws") as socket:
            await socket.send("hello")
            assert await socket.receive() == "HELLO"
            assert await socket.receive() == b"\x00" * 5_000_000
            assert await socket.receive() is None
        await wire.aclose()


async def test_a_silent_websocket_times_out_and_a_missing_one_is_unavailable() -> None:
    async def mute(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        return socket

    async with served(app_of(mute)) as url:
        wire = Wire(Server.at(url), deadlines=SHORT)
        async with wire.websocket("ws") as socket:
            with pytest.raises(TimedOut):
                await socket.receive()
        await wire.aclose()
    async with served(web.Application()) as url:
        wire = Wire(Server.at(url), deadlines=SHORT)
        with pytest.raises(Unavailable, match="404"):
            async with wire.websocket("ws"):
                pass
        await wire.aclose()


async def test_a_closed_line_opens_no_other() -> None:
    wire = Wire(Server.at("127.0.0.1:1"))
    await wire.aclose()
    await wire.aclose()
    with pytest.raises(Unavailable, match="closed"):
        await wire.get("x")


async def test_no_error_or_log_line_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = Server.at(f"ada:{PASSWORD}@127.0.0.1:{deaf_port()}", headers=(("X-Key", PASSWORD),))
    with pytest.raises(Unavailable) as caught:
        await asked(server)
    chained = caught.value.__context__
    assert caught.value.__suppress_context__
    assert PASSWORD not in f"{server!r} {caught.value!r} {chained!r} {caplog.text} {server.url}"
