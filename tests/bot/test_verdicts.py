from __future__ import annotations

import json

import aiohttp
import discord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.verdicts import CODES, Verdict, judge

ELSEWHERE, LATER, SMALLER = Verdict.ELSEWHERE, Verdict.LATER, Verdict.SMALLER
REFERENCE = {"message_reference": {"_errors": [{"code": "X", "message": "Unknown message"}]}}
FIELD = {"components": {"0": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "No"}]}}}


async def refusal(status: int, code: int, errors: object = None) -> discord.HTTPException:
    """The exception that discord.py makes of Discord's answer."""

    async def answer(_request: web.Request) -> web.Response:
        body = {"code": code, "message": "No"} | ({"errors": errors} if errors else {})
        return web.Response(status=status, text=json.dumps(body), content_type="application/json")

    app = web.Application()
    app.router.add_get("/", answer)
    other = discord.DiscordServerError if status >= 500 else discord.HTTPException
    kind = {403: discord.Forbidden, 404: discord.NotFound}.get(status, other)
    async with TestServer(app) as server, aiohttp.request("GET", server.make_url("/")) as response:
        return kind(response, await response.json())


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (404, 10003, ELSEWHERE),
        (404, 10004, ELSEWHERE),
        (404, 10008, ELSEWHERE),
        (404, 10015, ELSEWHERE),
        (404, 10062, ELSEWHERE),
        (400, 40060, ELSEWHERE),
        (401, 50027, ELSEWHERE),
        (401, 0, ELSEWHERE),
        (403, 50001, ELSEWHERE),
        (403, 50013, ELSEWHERE),
        (403, 50007, ELSEWHERE),
        (403, 50278, ELSEWHERE),
        (400, 90001, ELSEWHERE),
        (403, 160002, ELSEWHERE),
        (400, 160005, ELSEWHERE),
        (400, 50083, ELSEWHERE),
        (400, 40058, ELSEWHERE),
        (400, 40067, ELSEWHERE),
        (429, 30046, ELSEWHERE),
        (400, 40094, ELSEWHERE),
        (413, 0, SMALLER),
        (413, 40005, SMALLER),
        (400, 50045, SMALLER),
        (400, 50046, SMALLER),
        (400, 20009, Verdict.UNWANTED),
        (400, 200000, Verdict.UNWANTED),
        (400, 240000, Verdict.UNWANTED),
        (429, 20016, LATER),
        (429, 20028, LATER),
        (429, 20029, LATER),
        (429, 0, LATER),
        (500, 0, LATER),
        (503, 130000, LATER),
        (400, 50035, Verdict.PLAINER),
        (400, 99999, Verdict.PLAINER),
    ],
)
async def test_every_refusal_has_its_verdict(status: int, code: int, verdict: Verdict) -> None:
    assert judge(await refusal(status, code)) is verdict


async def test_a_form_error_about_the_reference_only_costs_the_reference() -> None:
    assert judge(await refusal(400, 50035, REFERENCE)) is Verdict.WITHOUT_REFERENCE
    assert judge(await refusal(400, 50035, FIELD)) is Verdict.PLAINER


@pytest.mark.parametrize(
    "error", [TimeoutError(), ConnectionResetError(), aiohttp.ServerDisconnectedError()]
)
def test_a_cut_connection_means_to_come_back(error: Exception) -> None:
    assert judge(error) is LATER


def test_the_table_holds_every_code_that_was_measured() -> None:
    assert len(CODES) >= 30
