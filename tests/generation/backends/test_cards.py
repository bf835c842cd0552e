"""Finding the cards of a machine, with probes that answer in every way."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from generation.backends.cards import PROBE_COMMAND, Card, find_cards

GIGABYTE = 1024**3


def probe(program: str) -> tuple[str, ...]:
    return sys.executable, "-S", "-c", program


def answering(*cards: dict[str, object]) -> tuple[str, ...]:
    return probe(f"print('a library says hello'); print({json.dumps(json.dumps(cards))})")


def card(number: int, gigabytes: int = 24, problem: str | None = None) -> dict[str, object]:
    memory = gigabytes * GIGABYTE
    return {"device": f"cuda:{number}", "name": "RTX", "memory": memory, "problem": problem}


async def test_every_card_is_found() -> None:
    found = await find_cards(answering(card(0), card(1)))
    assert found == (
        Card(device="cuda:0", name="RTX", memory=24 * GIGABYTE),
        Card(device="cuda:1", name="RTX", memory=24 * GIGABYTE),
    )


async def test_the_real_probe_is_understood(caplog: pytest.LogCaptureFixture) -> None:
    found = await find_cards(PROBE_COMMAND)
    assert caplog.text == ""
    assert [card.device for card in found] == [f"cuda:{index}" for index in range(len(found))]


async def test_a_displays_small_card_is_left_out_with_the_reason() -> None:
    small, large = await find_cards(answering(card(0, 2), card(1, 24)))
    assert small.problem == "it has much less memory (2.0 GB) than 24.0 GB"
    assert large.problem is None


async def test_a_card_that_cannot_compute_does_not_count_as_the_largest() -> None:
    broken, working = await find_cards(answering(card(0, 80, "no kernel image"), card(1, 12)))
    assert broken.problem == "no kernel image"
    assert working.problem is None


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (probe("import sys; sys.exit('no module named torch')"), "no module named torch"),
        (probe("print('no JSON')"), "Expecting value"),
        (probe("print('{}')"), "something else"),
        (probe("print('[{}]')"), "something else"),
        (probe("pass"), "Expecting value"),
        (("/nonexistent/python",), "No such file"),
    ],
)
async def test_a_probe_that_fails_finds_none_and_says_why(
    command: tuple[str, ...], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert await find_cards(command) == ()
    assert reason in caplog.text


async def test_a_probe_that_hangs_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert await find_cards(probe("import time; time.sleep(600)"), seconds=0.05) == ()
    assert "no answer for 0.05 s" in caplog.text
