from __future__ import annotations

import json

import pytest

from bot.address import TOKEN_LIFE, Address
from bot.delivery import Route, routes

NOW = 1_800_000_000.0


def address(**changes: object) -> Address:
    usual: dict[str, object] = {
        "application_id": 1,
        "owner_id": 2,
        "received_at": NOW,
        "token": "secret-token",
        "channel_id": 3,
        "guild_id": 4,
        "message_id": 5,
    }
    return Address(**usual | changes)  # type: ignore[arg-type]


def test_an_address_survives_the_store() -> None:
    original = address(private=True, spoiler=True, locale="de", file_limit=123)
    assert Address.load(original.dump()) == original


def test_an_address_of_a_newer_version_can_still_be_read() -> None:
    data = json.loads(address().dump()) | {"colour": "red"}
    assert Address.load(json.dumps(data)) == address()


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"token": 1}', "7"])
def test_what_is_no_address_is_told_as_such(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Address.load(text)


def test_an_address_does_not_show_its_token() -> None:
    assert "secret-token" not in repr(address())
    assert "secret-token" not in f"{[address()]}"


@pytest.mark.parametrize(
    ("changes", "age", "expected"),
    [
        ({}, 0.0, (Route.ANSWER, Route.CHANNEL, Route.DIRECT)),
        ({}, TOKEN_LIFE - 1, (Route.ANSWER, Route.CHANNEL, Route.DIRECT)),
        ({}, TOKEN_LIFE, (Route.CHANNEL, Route.DIRECT)),
        ({"private": True}, TOKEN_LIFE, (Route.DIRECT,)),
        ({"reachable": False}, TOKEN_LIFE, (Route.DIRECT,)),
        ({"direct": True, "guild_id": None}, TOKEN_LIFE, (Route.CHANNEL,)),
        ({"direct": True, "private": True, "guild_id": None}, TOKEN_LIFE, (Route.CHANNEL,)),
        ({"token": None}, 0.0, (Route.MESSAGE, Route.CHANNEL, Route.DIRECT)),
        ({"token": ""}, 0.0, (Route.CHANNEL, Route.DIRECT)),
    ],
)
def test_the_best_open_way_comes_first(
    changes: dict[str, object], age: float, expected: tuple[Route, ...]
) -> None:
    assert routes(address(**changes), NOW + age) == expected
