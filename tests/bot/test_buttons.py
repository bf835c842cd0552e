from __future__ import annotations

from dataclasses import replace

import pytest

from bot import custom_ids
from bot.custom_ids import Action
from generation.backends.scripted import TEST_CARD
from generation.types import JobState, Task, new_job_id
from tests.bot.studio import Studio, is_result, is_unfinished


async def test_again_draws_the_same_with_a_new_seed(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "a fox", seed=7, steps=3)
    use = await studio.alice.press(result, "Again")
    again = await studio.finish(use)
    assert again.id != result.id
    assert "3 steps" in again.text
    second, first = await studio.jobs(studio.alice)
    assert second.request.params.seed != 7
    assert second.request.parent == first.id


async def test_a_double_click_is_one_wish_and_a_later_press_another(studio: Studio) -> None:
    result = await studio.imagine(studio.alice)
    first = await studio.alice.press(result, "Again")
    second = await studio.alice.press(result, "Again")
    await first.acknowledged()
    await second.acknowledged()
    await studio.finish(first)
    assert len(await studio.jobs(studio.alice)) == 2
    await studio.pass_time(5)
    await studio.finish(await studio.alice.press(result, "Again"))
    assert len(await studio.jobs(studio.alice)) == 3


async def test_anyone_may_draw_a_result_again_as_their_own_job(studio: Studio) -> None:
    result = await studio.imagine(studio.alice)
    await studio.bob.connect()
    use = await studio.bob.press(studio.bob.seen.get(result.id, result), "Again")
    await studio.finish(use)
    job = await studio.only_job(studio.bob)
    assert job.request.owner == studio.bob.id


async def test_vary_starts_from_the_chosen_picture(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, count=2)
    use = await studio.alice.press(result, "Vary 2")
    await studio.finish(use)
    second, first = await studio.jobs(studio.alice)
    assert second.request.params.task is Task.IMG2IMG
    assert second.request.inputs
    assert second.request.parent == first.id


@pytest.mark.parametrize(
    ("button", "strength"), [("Vary 2", 0.6), ("Subtle 2", 0.33)], ids=["strong", "subtle"]
)
async def test_a_picture_is_varied_by_its_models_own_strength_or_by_less(
    studio: Studio, button: str, strength: float
) -> None:
    result = await studio.imagine(studio.alice, count=2, seed=5)
    await studio.finish(await studio.alice.press(result, button))
    params = (await studio.jobs(studio.alice))[0].request.params
    assert (params.task, params.strength, params.count) == (Task.IMG2IMG, strength, 2)
    assert params.seed != 5


async def test_a_single_picture_has_both_ways_to_vary_it(studio: Studio) -> None:
    result = await studio.imagine(studio.alice)
    assert {"Vary", "Vary (Subtle)"} <= set(result.button_labels)


async def test_edit_opens_a_form_with_what_was_typed_and_draws_what_is_typed(
    studio: Studio,
) -> None:
    result = await studio.imagine(studio.alice, "a fox", negative_prompt="text", seed=7)
    use = await studio.alice.press(result, "Edit")
    form = await use.form()
    assert form.fields["prompt"]["value"] == "a fox"
    assert form.fields["negative_prompt"]["value"] == "text"
    assert "--seed 7" in str(form.fields["settings"]["value"])
    submission = await studio.alice.submit(
        use, prompt="a hare", negative_prompt="", settings="--steps 2 --seed 9"
    )
    edited = await studio.finish(submission)
    assert all(part in edited.text for part in ("a hare", "2 steps", "Seed: 9"))
    assert "Without" not in edited.text


async def test_the_forms_settings_lead_to_the_same_job_again(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "a fox", seed=7, steps=5, width=256, height=128)
    use = await studio.alice.press(result, "Edit")
    form = await use.form()
    values = {name: str(field.get("value") or "") for name, field in form.fields.items()}
    await studio.finish(await studio.alice.submit(use, **values))
    second, first = await studio.jobs(studio.alice)
    assert second.request.params == first.request.params


async def test_a_form_that_is_refused_gives_the_prompt_back(studio: Studio) -> None:
    result = await studio.imagine(studio.alice)
    use = await studio.alice.press(result, "Edit")
    submission = await studio.alice.submit(
        use, prompt="a precious idea", negative_prompt="", settings="--steps 9999"
    )
    refusal = await submission.answered()
    assert refusal.ephemeral
    assert "a precious idea" in refusal.text


async def test_buttons_work_after_a_restart(studio: Studio) -> None:
    result = await studio.imagine(studio.alice)
    await studio.restart()
    again = await studio.finish(await studio.alice.press(result, "Again"))
    assert again.pictures


async def test_a_queued_job_can_be_cancelled_by_its_owner(studio: Studio) -> None:
    first = await studio.bob.slash("imagine", prompt="one")
    await first.message_where(is_unfinished)
    await studio.until(lambda: bool(studio.backend._steps))
    second = await studio.alice.slash("imagine", prompt="two")
    await studio.alice.press(await second.message_where(is_unfinished), "Cancel")
    ending = await second.message_where(lambda message: "Cancelled." in message.text)
    assert not is_unfinished(ending)
    assert "two" in ending.text
    assert (await studio.only_job(studio.bob)).state is JobState.RUNNING


async def test_a_running_job_can_be_cancelled_by_its_owner(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox")
    shown = await use.message_where(is_unfinished)
    await studio.until(lambda: bool(studio.backend._steps))
    await studio.alice.press(shown, "Cancel")
    await use.message_where(lambda message: "Cancelled." in message.text)
    assert not studio.backend._steps


@pytest.mark.parametrize("button", ["Cancel", "Delete"])
async def test_a_stranger_can_neither_cancel_nor_delete(studio: Studio, button: str) -> None:
    await studio.bob.connect()
    use = await studio.carol.slash("imagine", prompt="a fox")
    shown = await use.message_where(is_unfinished)
    if button == "Delete":
        shown = await studio.finish(use)
    await studio.bob.press(shown, button)
    refusal = await studio.bob.wait_for(lambda message: "Only the person" in message.text)
    assert refusal.ephemeral
    job = await studio.only_job(studio.carol)
    assert job.outcome in {None, JobState.DONE}
    assert shown.id in studio.carol.seen


async def test_the_owner_can_delete_a_result_and_its_pictures(studio: Studio) -> None:
    result = await studio.imagine(studio.bob)
    job = await studio.only_job(studio.bob)
    await studio.bob.press(result, "Delete")
    await studio.bob.until(lambda: result.id not in studio.bob.seen)
    blob = job.outputs[0].blob
    await studio.until(lambda: not list((studio.data / "blobs").rglob(blob)))


async def test_a_moderator_can_delete_anyones_result(studio: Studio) -> None:
    await studio.alice.connect()
    result = await studio.imagine(studio.bob)
    await studio.alice.press(result, "Delete")
    await studio.bob.until(lambda: result.id not in studio.bob.seen)


async def test_limits_hold_for_buttons_as_well(studio: Studio) -> None:
    result = await studio.imagine(studio.bob, steps=20)
    await studio.alice.slash("limits set", limit="max_steps", value=10)
    use = await studio.bob.press(result, "Again")
    refusal = await use.message_where(lambda message: not message.loading)
    assert "20 steps are more than the limit here of 10" in refusal.text


@pytest.mark.parametrize("action", list(Action))
async def test_a_job_that_is_forgotten_is_explained(studio: Studio, action: Action) -> None:
    index = 0 if action in {Action.VARY, Action.SUBTLE, Action.UPSCALE} else None
    message = await studio.show_button(custom_ids.write(action, new_job_id(), index))
    use = await studio.bob.press(message, "Old")
    await studio.bob.wait_for(lambda shown: "no longer stored" in shown.text)
    assert "failed" not in use.states


@pytest.mark.parametrize("old", ["easel:0:again:abc", "easel:1:again:", "easel:1:nonsense:abc"])
async def test_a_button_of_another_version_is_explained(studio: Studio, old: str) -> None:
    use = await studio.bob.press(await studio.show_button(old), "Old")
    told = await use.answered()
    assert told.ephemeral
    assert "older version" in told.text


async def test_a_private_job_does_not_exist_for_others(studio: Studio) -> None:
    await studio.imagine(studio.alice, private=True)
    job = await studio.only_job(studio.alice)
    message = await studio.show_button(custom_ids.write(Action.AGAIN, job.id))
    use = await studio.bob.press(message, "Old")
    told = await use.message_where(lambda shown: not shown.loading)
    assert "no longer stored" in told.text


async def test_an_id_that_the_message_does_not_have_does_nothing(studio: Studio) -> None:
    result = await studio.imagine(studio.alice)
    other = await studio.imagine(studio.carol)
    forged = custom_ids.write(Action.DELETE, (await studio.only_job(studio.carol)).id)
    await studio.bob.forge(result, forged)
    again = await studio.bob.press(result, "Again")
    await again.message_where(is_unfinished)
    assert other.id in studio.carol.seen


async def test_a_reroll_of_a_private_result_is_private(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, private=True)
    again = await studio.finish(await studio.alice.press(result, "Again"))
    assert again.ephemeral
    assert is_result(again)


async def test_again_on_a_variation_is_another_one_of_the_same_seed(studio: Studio) -> None:
    await studio.offer(replace(TEST_CARD, uses_subseed=True))
    wish = "a fox --seed 5 --subseed 7 --subseed-strength 0.1"
    result = await studio.imagine(studio.alice, wish)
    assert "Seed: 5, 0.1 towards 7" in result.text
    await studio.finish(await studio.alice.press(result, "Again"))
    await studio.finish(await studio.alice.press(result, "Vary"))
    varied, again, _ = await studio.jobs(studio.alice)
    assert (again.request.params.seed, again.request.params.subseed_strength) == (5, 0.1)
    assert again.request.params.subseed != 7
    assert varied.request.params.subseed_strength == 0
    assert varied.request.params.seed != 5
