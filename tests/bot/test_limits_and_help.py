from __future__ import annotations

import pytest

from generation.limits import LIMITS
from generation.types import ScopeId
from tests.bot.studio import Studio


async def test_anyone_can_read_the_limits(studio: Studio) -> None:
    use = await studio.bob.slash("limits show")
    shown = await use.message_where(lambda message: "allows" in message.text)
    assert shown.ephemeral
    for info in LIMITS:
        assert info.title in shown.text.casefold()


async def test_who_manages_the_server_can_set_a_limit(studio: Studio) -> None:
    use = await studio.alice.slash("limits set", limit="max_count", value=2)
    await use.message_where(lambda message: "**2**" in message.text)
    scope = ScopeId(f"guild:{studio.sandbox.guild.id}")
    assert (await studio.queue.limits(scope)).max_count == 2


async def test_other_members_cannot_set_a_limit(studio: Studio) -> None:
    before = await studio.queue.limits(ScopeId(f"guild:{studio.sandbox.guild.id}"))
    use = await studio.bob.slash("limits set", limit="max_count", value=2)
    assert "manage this server" in (await use.answered()).text
    assert await studio.queue.limits(ScopeId(f"guild:{studio.sandbox.guild.id}")) == before


@pytest.mark.parametrize("value", [-1, 0, 10**9])
async def test_a_limit_outside_its_range_is_refused_with_the_range(
    studio: Studio, value: int
) -> None:
    use = await studio.alice.slash("limits set", limit="max_steps", value=value)
    told = await use.message_where(lambda message: not message.loading)
    assert "between 1 and 150" in told.text


async def test_a_set_limit_outlives_a_restart(studio: Studio) -> None:
    use = await studio.alice.slash("limits set", limit="max_steps", value=9)
    await use.message_where(lambda message: "**9**" in message.text)
    await studio.restart()
    again = await studio.bob.slash("limits show")
    await again.message_where(lambda message: "**9**" in message.text)


async def test_help_tells_how_to_begin_and_which_models_there_are(studio: Studio) -> None:
    shown = await (await studio.bob.slash("help", channel="dm")).answered()
    assert all(part in shown.text for part in ("/imagine", "Reimagine…", "Test card"))
    assert shown.ephemeral
