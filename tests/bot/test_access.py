"""Models that an operator keeps for some: on every way to a picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.access import access_rules
from bot.config import AccessConfig, Config, DataConfig, DiscordConfig, Secret
from bot.sandbox import Use
from generation.backends.scripted import TEST_CARD
from generation.catalog import Catalog
from tests.bot.studio import Studio

KEPT = replace(TEST_CARD, name="flux", title="Flux dev")


def config(*access: AccessConfig) -> Config:
    return Config(
        path=Path("config.toml"),
        discord=DiscordConfig(token=Secret("x"), owners=(5,)),
        data=DataConfig(directory=Path("data"), database=Secret("sqlite:///x")),
        access=access,
    )


@pytest.fixture
async def patrons(studio: Studio) -> Studio:
    """The studio with a model for patrons alone, of whom alice is the only one."""
    world, guild = studio.sandbox.world, studio.sandbox.guild
    role = world.add_role(guild, "patrons")
    world.give_role(guild, studio.alice.id, role.id)
    studio.backend._models = (TEST_CARD, KEPT)
    rules = access_rules(config(AccessConfig(models=("flux",), roles=(int(role.id),))))
    studio.catalog = Catalog(rules=rules)
    await studio.restart()
    return studio


async def refusal(use: Use) -> str:
    return (await use.answered()).text


async def test_a_member_with_the_role_draws_with_it(patrons: Studio) -> None:
    result = await patrons.imagine(patrons.alice, model="flux")
    assert "flux" in result.text


async def test_anyone_else_is_refused_in_a_sentence(patrons: Studio) -> None:
    use = await patrons.bob.slash("imagine", prompt="a fox", model="flux")
    assert "The model flux is kept for others here." in await refusal(use)
    assert await patrons.jobs(patrons.bob) == []


async def test_flags_are_no_way_around(patrons: Studio) -> None:
    use = await patrons.bob.slash("imagine", prompt="a fox --model flux")
    assert "kept for others" in await refusal(use)


@pytest.mark.parametrize(("name", "offered"), [("alice", True), ("bob", False)])
async def test_it_is_offered_to_those_alone_who_may_use_it(
    patrons: Studio, name: str, *, offered: bool
) -> None:
    choices = await patrons.sandbox.member(name).autocomplete("imagine", typing="model", text="fl")
    assert ("flux" in str(choices)) is offered


@pytest.mark.parametrize("button", ["Again", "Vary", "Upscale"])
async def test_buttons_under_another_s_picture_are_no_way_around(
    patrons: Studio, button: str
) -> None:
    await patrons.bob.connect()
    result = await patrons.imagine(patrons.alice, model="flux")
    use = await patrons.bob.press(result, button)
    assert "kept for others" in (await use.message_where(lambda shown: "kept" in shown.text)).text
    assert await patrons.jobs(patrons.bob) == []


async def test_the_form_of_another_s_settings_is_refused_when_it_is_sent(patrons: Studio) -> None:
    await patrons.bob.connect()
    result = await patrons.imagine(patrons.alice, model="flux")
    use = await patrons.bob.context_menu(result, "Use these settings")
    form = await use.form()
    values = {name: str(field.get("value") or "") for name, field in form.fields.items()}
    sent = await patrons.bob.submit(use, **values)
    assert "kept for others" in await refusal(sent)


async def test_a_file_s_settings_go_on_with_a_model_that_is_open(patrons: Studio) -> None:
    result = await patrons.imagine(patrons.alice, model="flux")
    await patrons.queue.forget_ended_before(patrons.clock.now() + 1)
    await patrons.bob.connect()
    use = await patrons.bob.context_menu(result, "Use these settings")
    fields = (await use.form()).fields
    assert "--model" not in str(fields["settings"].get("value"))


def test_those_who_run_the_bot_and_whole_servers_may_be_let_in() -> None:
    (rule,) = access_rules(config(AccessConfig(models=("flux",), servers=(7,))))
    assert rule.groups == {"operator", "server:7"}
