"""Addresses as people write them."""

from __future__ import annotations

import pytest

from generation.backends.remote.server import Server


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("127.0.0.1:7860", "http://127.0.0.1:7860"),
        (" http://box:7860/ ", "http://box:7860"),
        ("https://gpu.example.org:443/sd/?__theme=dark#top", "https://gpu.example.org/sd"),
        ("http://[::1]:7860", "http://[::1]:7860"),
        ("http://HOST/", "http://host"),
    ],
)
def test_an_address_is_read_as_people_write_it(written: str, url: str) -> None:
    assert Server.at(written).url == url


@pytest.mark.parametrize("written", ["", "ftp://box", "http://", "http://box:99999", "http://[::1"])
def test_what_is_no_address_is_refused_in_one_sentence(written: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Server.at(written)


def test_a_login_in_the_address_is_taken_out_of_it() -> None:
    server = Server.at("http://ada:p%40ss@box:7860")
    assert (server.url, server.username, server.password) == ("http://box:7860", "ada", "p@ss")
    assert "p@ss" not in repr(server)


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/file=a.png", "http://box:7860/sd/file=a.png"),
        ("http://box:7860/other", "http://box:7860/other"),
        ("http://box/other", None),
        ("https://box:7860/other", None),
        ("http://box:7860@evil.example/x", None),
        ("http://a:b@box:7860/x", None),
        ("file:///etc/passwd", None),
        ("http://[", None),
    ],
)
def test_only_what_is_on_the_same_server_has_a_url(path: str, url: str | None) -> None:
    assert Server.at("http://box:7860/sd").url_of(path) == url


def test_a_machine_of_our_own_is_told_from_others() -> None:
    assert Server.at("localhost:1").is_this_machine
    assert not Server.at("gpu:1").is_this_machine
