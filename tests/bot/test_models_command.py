"""``/models``: what is shown to whom, and looking for more without a restart."""

from __future__ import annotations

from dataclasses import replace

from generation.backends.scripted import TEST_CARD
from tests.bot.studio import Studio


async def test_everyone_sees_what_is_to_be_known_of_each_model(studio: Studio) -> None:
    told = replace(TEST_CARD, licence="openrail++", triggers=("sks dog",), title="Test *card*")
    studio.backend._models = (told,)
    await studio.catalog.refresh([studio.backend])
    shown = await (await studio.bob.slash("models show")).answered()
    assert shown.ephemeral
    assert "testcard" in shown.text
    assert "512×512 · 8 steps · say: sks dog · licence: openrail++" in shown.text


async def test_looking_for_more_is_for_those_who_run_the_bot(studio: Studio) -> None:
    refusal = await (await studio.alice.slash("models refresh")).answered()
    assert "Only those who run the bot" in refusal.text


async def test_new_and_missing_models_are_told_and_offered_at_once(studio: Studio) -> None:
    async def rescan() -> tuple[str, ...]:
        studio.backend._models = (replace(TEST_CARD, name="found", title="Found"),)
        await studio.catalog.refresh([studio.backend])
        return ("model /srv/secret/old.ckpt is skipped",)

    desk = studio.client.desk
    studio.client.desk = replace(desk, operators=frozenset({int(studio.bob.id)}), rescan=rescan)
    use = await studio.bob.slash("models refresh")
    told = (await use.message_where(lambda shown: "New" in shown.text)).text
    assert "New: found" in told
    assert "No longer there: testcard" in told
    assert "1 file or model cannot be used" in told
    assert "/srv" not in told
    use = await studio.alice.slash("imagine", prompt="a fox", model="found")
    await use.message_where(lambda message: "Cancel" in message.button_labels)
    await studio.pass_time_until(lambda: bool(studio.backend._steps))
    assert (await studio.finish(use)).pictures
