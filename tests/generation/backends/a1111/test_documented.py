"""docs/backends.md says of every field of the API what becomes of it: held against the code."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from generation.backends.a1111.offer import capabilities
from generation.backends.a1111.payload import OWNED
from generation.backends.base import OptionInfo, OptionKind, Work
from generation.types import Control, OptionValue, Setting, Task
from tests.generation.backends.a1111.lists import listing_of, png, requests, work
from tests.servers.a1111_relatives import ForgeTwin, SdNextTwin
from tests.servers.recorded import FOLDER

DOCS = Path(__file__).parents[4] / "docs" / "backends.md"
ROW = re.compile(r"^\| `([a-z0-9_]+)` \| (always|asked|operator|never) \| (.+) \|$", re.MULTILINE)
OPTION_ROW = re.compile(r"^\| ((?:`[a-z_]+`(?:, )?)+) \| [^|]+ \| [^|]+ \|$", re.MULTILINE)


def documented() -> dict[str, str]:
    """Each field with when it is sent."""
    rows = ROW.findall(DOCS.read_text(encoding="utf-8"))
    assert len({name for name, _, _ in rows}) == len(rows)
    return {name: sent for name, sent, _ in rows}


def fields_of_the_api() -> set[str]:
    """Every field of both models, from the server's own description."""
    file = FOLDER / "a1111" / "openapi.json"
    if not file.is_file():
        pytest.skip("the server's description of its API is not on this machine")
    told = json.loads(file.read_text(encoding="utf-8"))
    schemas = told.get("body", told)["components"]["schemas"]
    names = ("StableDiffusionProcessingTxt2Img", "StableDiffusionProcessingImg2Img")
    return {field for name in names for field in schemas[name]["properties"]}


def a_value(option: OptionInfo) -> OptionValue:
    match option.kind:
        case OptionKind.SWITCH:
            return True
        case OptionKind.CHOICE:
            return option.choices[0]
        case OptionKind.TEXT:
            return "a text"
        case OptionKind.WHOLE:
            return 1
        case OptionKind.NUMBER:
            return 1.0


def with_everything(job: Work, options: tuple[OptionInfo, ...]) -> Work:
    settings = tuple(Setting(name=each.name, value=a_value(each)) for each in options)
    return replace(job, params=replace(job.params, options=settings))


async def sent() -> tuple[set[str], set[str]]:
    """The fields of a plain job, and those of jobs that ask for everything there is."""
    listing = await listing_of()
    options = capabilities(listing).models[0].options
    picture = png((512, 768))
    plain = work()
    rich = [
        work(
            sampler="DDIM",
            eta=0.5,
            tiling=True,
            subseed=1,
            subseed_strength=0.5,
            hires=2.0,
            hires_strength=0.5,
            final_width=1024,
            final_height=1536,
            controls=(Control(kind="canny"),),
        ),
        replace(
            work(image=picture, task=Task.INPAINT, strength=0.5, padding=8),
            mask=png((512, 768), "white", "L"),
        ),
    ]
    rich = [with_everything(replace(job, controls=(picture,)), options) for job in rich]
    found = {key for job in rich for call in requests(job, listing) for key in call.body}
    return set(requests(plain, listing)[0].body), found


def test_every_field_of_the_api_has_its_row() -> None:
    assert set(documented()) == fields_of_the_api()


async def test_each_row_says_what_the_code_does() -> None:
    always, asked = await sent()
    expected = {
        name: "always"
        if name in always
        else "asked"
        if name in asked
        else "never"
        if name in OWNED
        else "operator"
        for name in documented()
    }
    assert documented() == expected
    assert set(documented()) >= always | asked


async def test_every_option_has_its_row() -> None:
    offered = {
        option.name
        for twin in (None, ForgeTwin, SdNextTwin)
        for option in capabilities(await (listing_of(twin) if twin else listing_of()))
        .models[0]
        .options
    }
    part = DOCS.read_text(encoding="utf-8").partition("### The options of web UIs")[2]
    written = {name for row in OPTION_ROW.findall(part) for name in re.findall(r"`([a-z_]+)`", row)}
    assert written == offered
