from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from bot import custom_ids, replies, screens
from bot.custom_ids import Action
from bot.replies import ALT_LIMIT, TEXT_LIMIT, Card, Picture
from bot.text import length
from generation.limits import Limits
from generation.line import Place
from generation.types import (
    UNSEEDED,
    BlobId,
    Fault,
    Job,
    JobId,
    JobState,
    OwnerId,
    Params,
    Progress,
    Request,
    ScopeId,
    StoredOutput,
    Task,
)

WORDS = st.text(max_size=6000)


def job(prompt: str = "a fox", negative: str = "", *, count: int = 1, **changes: object) -> Job:
    params = Params(
        task=Task.TXT2IMG,
        model="ink_2",
        prompt=prompt,
        negative_prompt=negative,
        width=512,
        height=768,
        steps=20,
        guidance_scale=7.5,
        sampler="Euler a",
        scheduler="Karras",
        seed=4_294_967_295,
        count=count,
    )
    request = Request(
        id=JobId("j" * 22),
        dedupe_key="k",
        owner=OwnerId("1"),
        scope=ScopeId("guild:1"),
        params=params,
        delivery="",
        accepted_at=0.0,
        deadline=1.0,
    )
    usual = Job(request=request, state=JobState.DELIVERING, attempts=1, seconds=12.34)
    return replace(usual, **changes)  # type: ignore[arg-type]


def picture(index: int = 0, alt: str = "a fox") -> Picture:
    return Picture(name=f"{index}.png", data=b"x", description=alt)


def within_limits(card: Card) -> None:
    view = card.view()
    assert view.content_length() <= TEXT_LIMIT
    assert view.total_children_count <= 40
    components = _components(card)
    texts = [item for item in _walk(components) if item.get("type") == 10]
    assert sum(length(item["content"]) for item in texts) <= TEXT_LIMIT
    assert all(item["content"] for item in texts)
    for item in _walk(components):
        assert len(item.get("components", [])) <= (5 if item.get("type") == 1 else 40)
        assert len(item.get("custom_id", "")) <= 100
        for media in item.get("items", []):
            assert length(media.get("description", "")) <= ALT_LIMIT
            assert media["media"]["url"].startswith("attachment://")


def _components(card: Card) -> list[dict[str, Any]]:
    return card.view().to_components()  # type: ignore[no-any-return, no-untyped-call]


def _walk(items: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        yield item
        yield from _walk(item.get("components", []))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(WORDS, WORDS, st.integers(0, 10), st.lists(WORDS, max_size=8))
def test_a_result_of_any_words_is_within_discords_limits(
    prompt: str, negative: str, count: int, notes: list[str]
) -> None:
    made = job(prompt, negative, count=max(1, count), notes=tuple(notes))
    pictures = [picture(index, prompt) for index in range(count)]
    within_limits(replies.result(made, pictures, can_vary=True, can_upscale=True, notes=notes))
    within_limits(replies.mentioning(replies.bare_result(made, pictures), 2**63))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(WORDS, WORDS)
def test_every_other_message_of_any_words_is_within_discords_limits(a: str, b: str) -> None:
    failed = job(a, b, outcome=JobState.FAILED, fault=Fault(code="x", sentence=b))
    for card in (
        replies.refusal(a, b),
        replies.notice(a),
        replies.ending(failed),
        replies.queued(failed, None),
        replies.running(failed, Progress(step=3, steps=2, preview=b"x"), spoiler=True),
        screens.guide(1, [a, b] * 20),
    ):
        within_limits(card)


def test_a_refusal_gives_back_all_of_the_longest_prompt() -> None:
    prompt = "x" * replies.PROMPT_ROOM
    assert prompt in "\n".join(replies.refusal("y" * 2000, prompt).texts)


def test_a_result_tells_everything_needed_to_make_it_again() -> None:
    text = "\n".join((*replies.result(job(count=2), [], can_vary=True).footer,))
    for part in ("ink_2", "512×768", "20 steps", "guidance 7.5", "Euler a", "12.3 s"):
        assert part in text
    assert "Seeds: 4294967295, 0" in text


def test_a_result_tells_no_seed_that_would_not_make_it_again() -> None:
    output = StoredOutput(
        blob=BlobId("0" * 64),
        media_type="image/png",
        width=64,
        height=64,
        seed=4_294_967_295,
        flags=frozenset({UNSEEDED}),
    )
    shown = replies.result(job(outputs=(output,)), [picture()], can_vary=True)
    assert not any("Seed" in text for text in shown.footer)


@pytest.mark.parametrize("count", [1, 4, 10])
def test_every_picture_of_a_result_can_be_varied(count: int) -> None:
    card = replies.result(job(), [picture(i) for i in range(count)], can_vary=True)
    varies = [button.index for button in card.buttons if button.action is Action.VARY]
    assert varies == list(range(count))


def test_the_actions_for_an_only_picture_share_a_row() -> None:
    card = replies.result(job(), [picture()], can_vary=True, can_upscale=True)
    rows = [row["components"] for row in _components(card) if row["type"] == 1]
    labels = [[button["label"] for button in row] for row in rows]
    assert labels == [["Again", "Edit", "Delete"], ["Vary", "Vary (Subtle)", "Upscale"]]


@pytest.mark.parametrize("count", [2, 4, 10])
def test_each_action_for_single_pictures_has_rows_of_its_own(count: int) -> None:
    pictures = [picture(i) for i in range(count)]
    card = replies.result(job(), pictures, can_vary=True, can_upscale=True)
    rows = [
        [custom_ids.CURRENT.fullmatch(button["custom_id"]) for button in row["components"]]
        for row in _components(card)
        if row["type"] == 1
    ]
    actions = [{match["action"] for match in row if match} for row in rows]
    assert actions[0] == {"again", "edit", "delete"}
    assert all(len(kinds) == 1 for kinds in actions[1:])
    assert len(rows) <= 5


def test_nothing_can_be_varied_with_a_model_that_cannot() -> None:
    card = replies.result(job(), [picture()], can_vary=False)
    assert Action.VARY not in {button.action for button in card.buttons}


def test_a_spoilers_gallery_names_the_file_that_is_uploaded() -> None:
    card = Card(texts=("x",), pictures=(Picture(name="a.png", data=b"x", spoiler=True),))
    (gallery,) = [item for item in _walk(_components(card)) if item["type"] == 12]
    assert gallery["items"][0]["media"]["url"] == card.files()[0].uri


def test_the_files_of_a_card_can_be_sent_twice() -> None:
    card = Card(texts=("x",), pictures=(picture(),))
    assert card.files()[0].fp.read() == card.files()[0].fp.read() == b"x"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place(ahead=0, eta_seconds=0.0), "next in line"),
        (Place(ahead=3, eta_seconds=None), "3 ahead"),
        (Place(ahead=3, eta_seconds=45.2), "3 ahead, starts in about 45 s"),
        (Place(ahead=30, eta_seconds=500.0), "30 ahead, starts in about 8 min"),
        (Place(ahead=300, eta_seconds=9000.0), "300 ahead, starts in about 2.5 h"),
    ],
)
def test_a_waiting_job_tells_its_place_and_time(place: Place, words: str) -> None:
    assert words in replies.queued(job(), place).texts[0]


def test_progress_is_a_bar_with_steps_and_time_left() -> None:
    card = replies.running(job(), Progress(step=10, steps=20, eta_seconds=9.6), spoiler=False)
    assert card.texts[0] == "**Drawing** ▰▰▰▰▰▰▱▱▱▱▱▱ 10/20, about 10 s left"


@pytest.mark.parametrize(
    ("eta", "words"), [(None, "3 ahead"), (40.0, "3 ahead, starts in about 40 s")]
)
def test_a_job_in_another_engines_line_tells_its_place_there(eta: float | None, words: str) -> None:
    card = replies.running(
        job(), Progress(step=0, steps=20, eta_seconds=eta, ahead=3), spoiler=False
    )
    assert card.texts[0] == f"**Waiting** at the image generator, {words}"


def test_limits_are_shown_with_their_values() -> None:
    (text,) = screens.limits(Limits(max_side=768), server=True, shares={}).texts
    assert "Largest side in pixels: **768**" in text


@pytest.mark.parametrize("action", list(Action))
def test_every_button_is_recognised_by_its_id(action: Action) -> None:
    index = 3 if action in {Action.VARY, Action.SUBTLE, Action.UPSCALE} else None
    written = custom_ids.write(action, JobId("aZ09" * 5), index)
    match = custom_ids.CURRENT.fullmatch(written)
    assert match is not None
    assert (match["action"], match["job"]) == (action, "aZ09" * 5)
    assert match["index"] == (None if index is None else "3")
    assert custom_ids.RETIRED.fullmatch(written) is None


@given(st.from_regex(r"easel:[0-9a-z:]{0,40}", fullmatch=True))
def test_each_id_of_ours_is_either_current_or_retired(written: str) -> None:
    current = custom_ids.CURRENT.fullmatch(written) is not None
    assert current != (custom_ids.RETIRED.fullmatch(written) is not None)
