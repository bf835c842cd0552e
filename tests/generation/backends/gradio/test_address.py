"""Addresses of apps, and of the files they give."""

from __future__ import annotations

import pytest

from generation.backends.gradio.address import app_server, file_path
from generation.backends.remote.server import Server


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://huggingface.co/spaces/Some.One/My_Space", "https://some-one-my-space.hf.space"),
        ("https://huggingface.co/spaces/a/b/tree/main", "https://a-b.hf.space"),
        ("hf.co/spaces/a/b", "https://a-b.hf.space"),
        ("https://a-b.hf.space/", "https://a-b.hf.space"),
        ("https://huggingface.co/docs", "https://huggingface.co/docs"),
        ("http://box:7860/sub/app", "http://box:7860/sub/app"),
    ],
)
def test_a_spaces_page_leads_to_its_app(written: str, url: str) -> None:
    assert app_server(Server.at(written)).url == url


def test_the_token_goes_along() -> None:
    server = app_server(Server.at("https://huggingface.co/spaces/a/b", token="hf_x"))
    assert server.login() == {"Authorization": "Bearer hf_x"}


@pytest.mark.parametrize(
    ("path", "url", "fetched"),
    [
        ("/srv/a b%#?ü.png", "", "/p/file=/srv/a%20b%25%23%3F%C3%BC.png"),
        ("/srv/a.png", "http://elsewhere/x", "/p/file=/srv/a.png"),
        ("/srv/a.png", "http://h/proxy=https://b/file=/srv/a.png", None),
    ],
)
def test_a_file_is_fetched_below_our_own_address(path: str, url: str, fetched: str | None) -> None:
    expected = fetched or "/p/proxy=https://b/file=/srv/a.png"
    assert file_path("/p", path, url) == expected
