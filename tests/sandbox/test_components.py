"""Buttons, selects, forms and context menus."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Self

import discord
import pytest
from discord import ui

from bot.sandbox import ActionRefused, LocalFile, Sandbox
from tests.sandbox.bots import Running, SmallBot
from tests.sandbox.pictures import PNG


class Again(ui.DynamicItem[ui.Button[ui.View]], template=r"again:(?P<number>\d+)"):
    def __init__(self, number: int) -> None:
        super().__init__(ui.Button(label="Again", custom_id=f"again:{number}"))
        self.number = number

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],
        item: ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        del interaction, item
        return cls(int(match["number"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message(f"pressed {self.number}")


async def test_a_button_answers_after_the_bot_restarts(sandbox: Sandbox, online: Running) -> None:
    alice = sandbox.member("alice")
    first = SmallBot()
    async with online(first):
        channel = first.get_partial_messageable(int(sandbox.channel("general").id))
        view = ui.View(timeout=None)
        view.add_item(Again(7))
        await channel.send("result", view=view)
    second = SmallBot()
    second.add_dynamic_items(Again)
    async with online(second):
        message = (await alice.messages())[-1]
        assert (await (await alice.press(message, "Again")).answered()).content == "pressed 7"


async def test_a_button_may_change_its_own_message(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()

    class Switch(ui.View):
        @ui.button(label="On")
        async def press(self, interaction: discord.Interaction, button: ui.Button[Self]) -> None:
            button.disabled = True
            await interaction.response.edit_message(content="on", view=self)

    async with online(bot):
        channel = bot.get_partial_messageable(int(sandbox.channel("general").id))
        await channel.send("off", view=Switch())
        bob = sandbox.member("bob")
        use = await bob.press((await bob.messages())[-1], "On")
        message = await use.answered()
        assert message.content == "on"
        assert len(await bob.messages()) == 1
        with pytest.raises(ActionRefused, match="disabled"):
            await bob.press(message, "On")


async def test_a_deferred_update_leaves_the_message_as_it_is_until_edited(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()
    go_on = asyncio.Event()

    class Slow(ui.View):
        @ui.button(label="Go")
        async def press(self, interaction: discord.Interaction, button: ui.Button[Self]) -> None:
            del button
            await interaction.response.defer()
            await go_on.wait()
            await interaction.edit_original_response(content="after")

    async with online(bot):
        channel = bot.get_partial_messageable(int(sandbox.channel("general").id))
        await channel.send("before", view=Slow())
        alice = sandbox.member("alice")
        use = await alice.press((await alice.messages())[-1], "Go")
        await use.acknowledged()
        assert [item.content for item in await alice.messages()] == ["before"]
        go_on.set()
        await alice.wait_for(lambda message: message.content == "after")


async def test_selects_deliver_values_and_whole_users(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    chosen: asyncio.Queue[object] = asyncio.Queue()

    class Menus(ui.View):
        @ui.select(
            placeholder="Colours",
            min_values=1,
            max_values=2,
            options=[discord.SelectOption(label=name) for name in ("red", "green", "blue")],
        )
        async def colours(self, interaction: discord.Interaction, select: ui.Select[Self]) -> None:
            chosen.put_nowait(select.values)
            await interaction.response.defer()

        @ui.select(cls=ui.UserSelect, placeholder="People")
        async def people(
            self, interaction: discord.Interaction, select: ui.UserSelect[Self]
        ) -> None:
            chosen.put_nowait([user.name for user in select.values])
            await interaction.response.defer()

    async with online(bot):
        channel = bot.get_partial_messageable(int(sandbox.channel("general").id))
        await channel.send("choose", view=Menus())
        alice = sandbox.member("alice")
        message = (await alice.messages())[-1]
        await alice.select(message, "Colours", ["red", "blue"])
        assert await chosen.get() == ["red", "blue"]
        await alice.select(message, "People", [sandbox.member("bob").id])
        assert await chosen.get() == ["bob"]
        with pytest.raises(ActionRefused):
            await alice.select(message, "Colours", ["pink"])
        with pytest.raises(ActionRefused):
            await alice.select(message, "Colours", [])


class Form(ui.Modal, title="Describe"):
    prompt: ui.Label[Self] = ui.Label(
        text="Prompt", component=ui.TextInput(custom_id="prompt", max_length=20)
    )
    style: ui.Label[Self] = ui.Label(
        text="Style",
        component=ui.Select(
            custom_id="style", options=[discord.SelectOption(label=name) for name in ("oil", "ink")]
        ),
    )
    pictures: ui.Label[Self] = ui.Label(
        text="Pictures",
        component=ui.FileUpload(custom_id="pictures", required=False, max_values=2),
    )

    def __init__(self) -> None:
        super().__init__()
        self.submitted: asyncio.Future[tuple[str, list[str], list[bytes]]] = (
            asyncio.get_running_loop().create_future()
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        prompt, style, pictures = (
            self.prompt.component,
            self.style.component,
            self.pictures.component,
        )
        assert isinstance(prompt, ui.TextInput)
        assert isinstance(style, ui.Select)
        assert isinstance(pictures, ui.FileUpload)
        files = [await item.read() for item in pictures.values]
        await interaction.response.send_message("thanks", ephemeral=True)
        self.submitted.set_result((prompt.value, list(style.values), files))


async def test_a_form_takes_text_choices_and_files(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    forms: list[Form] = []

    @bot.tree.command(description="Open a form.")
    async def describe(interaction: discord.Interaction) -> None:
        forms.append(Form())
        await interaction.response.send_modal(forms[-1])

    async with online(bot):
        alice = sandbox.member("alice")
        opener = await alice.slash("describe")
        modal = await opener.form()
        assert modal.title == "Describe"
        with pytest.raises(ActionRefused, match="between 0 and 20"):
            await alice.submit(opener, prompt="x" * 21, style=["oil"])
        with pytest.raises(ActionRefused, match="required"):
            await alice.submit(opener, style=["oil"])
        picture = LocalFile("cat.png", PNG)
        use = await alice.submit(opener, Prompt="a cat", style=["ink"], pictures=[picture])
        assert (await use.answered()).content == "thanks"
        assert await forms[-1].submitted == ("a cat", ["ink"], [PNG])


async def test_a_form_is_no_answer_to_a_form(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    refused: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    class Short(ui.Modal, title="Short"):
        name: ui.TextInput[Self] = ui.TextInput(label="Name", custom_id="name")

        async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
            try:
                await interaction.response.send_modal(Short())
            except discord.HTTPException as error:
                refused.set_result(error.code)

    @bot.tree.command(description="Open a form.")
    async def ask(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Short())

    async with online(bot):
        alice = sandbox.member("alice")
        opener = await alice.slash("ask")
        await alice.submit(opener, name="x")
        assert await refused == 50035


async def test_a_forged_custom_id_reaches_the_bot(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    forged: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    @bot.event
    async def on_interaction(interaction: discord.Interaction) -> None:
        forged.set_result(interaction.data and interaction.data.get("custom_id"))

    async with online(bot):
        channel = bot.get_partial_messageable(int(sandbox.channel("general").id))
        await channel.send("no buttons")
        bob = sandbox.member("bob")
        await bob.forge((await bob.messages())[-1], "again:666")
        assert await forged == "again:666"


async def test_a_message_menu_shows_its_target_whole_and_a_user_menu_its_user(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()

    @bot.tree.context_menu(name="Quote This")
    async def quote(interaction: discord.Interaction, message: discord.Message) -> None:
        names = [item.filename for item in message.attachments]
        await interaction.response.send_message(f"{message.content} {names}")

    @bot.tree.context_menu(name="Greet")
    async def greet(interaction: discord.Interaction, user: discord.Member) -> None:
        await interaction.response.send_message(f"hello {user.name}")

    async with online(bot):
        alice, bob = sandbox.member("alice"), sandbox.member("bob")
        message = await bob.send("look", files=[LocalFile("a.png", PNG)])
        use = await alice.context_menu(message, "Quote This")
        assert (await use.answered()).content == "look ['a.png']"
        use = await alice.context_menu(bob, "Greet")
        assert (await use.answered()).content == "hello bob"


def _row(*buttons: dict[str, object]) -> dict[str, object]:
    return {"type": 1, "components": [{"type": 2, "style": 1, **item} for item in buttons]}


_BUTTON: dict[str, object] = {"label": "x", "custom_id": "x"}
_TEXT: dict[str, object] = {"type": 10, "content": "x"}
_GALLERY: dict[str, object] = {
    "type": 12,
    "items": [{"media": {"url": "attachment://missing.png"}}],
}
V2 = 1 << 15


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"components": [_row(_BUTTON)] * 2}, "custom_id"),
        ({"components": [_row({"label": "x" * 81, "custom_id": "x"})]}, "label"),
        ({"components": [_row({"label": "x", "custom_id": "x" * 101})]}, "custom_id"),
        ({"components": [_row({"custom_id": "x"})]}, "BUTTON_COMPONENT_INVALID"),
        ({"components": [_row({"label": "x", "style": 5})]}, "url"),
        (
            {"components": [_row(*[_BUTTON | {"custom_id": str(n)} for n in range(6)])]},
            "components",
        ),
        (
            {"components": [_row(_BUTTON | {"custom_id": str(n)}) for n in range(6)]},
            "BASE_TYPE_BAD_LENGTH",
        ),
        ({"components": [_TEXT]}, "UNION_TYPE_CHOICES"),
        ({"components": [_TEXT], "flags": V2, "content": "x"}, "LEGACY_FIELDS"),
        ({"components": [_TEXT], "flags": V2, "embeds": [{"title": "x"}]}, "LEGACY_FIELDS"),
        ({"components": [_TEXT] * 41, "flags": V2}, "MAX_TOTAL_COMPONENTS"),
        (
            {"components": [{"type": 10, "content": "x" * 2001}] * 2, "flags": V2},
            "DISPLAYABLE_TEXT_SIZE",
        ),
        ({"components": [_GALLERY], "flags": V2}, "ATTACHMENT_NOT_FOUND"),
        ({"components": [{"type": 12, "items": []}], "flags": V2}, "items"),
    ],
)
async def test_what_discord_refuses_of_components_is_refused(
    sandbox: Sandbox, online: Running, body: dict[str, object], place: str
) -> None:
    bot = SmallBot()
    async with online(bot):
        route = discord.http.Route(
            "POST",
            "/channels/{channel_id}/messages",
            channel_id=int(sandbox.channel("general").id),
        )
        with pytest.raises(discord.HTTPException) as refusal:
            await bot.http.request(route, json=body)
    assert refusal.value.code == 50035
    assert place in refusal.value.text + str(sandbox.rest.log[-1].answer)


async def test_components_v2_cannot_be_taken_back(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    async with online(bot):
        channel = bot.get_channel(int(sandbox.channel("general").id))
        assert isinstance(channel, discord.TextChannel)
        view = ui.LayoutView()
        view.add_item(ui.TextDisplay("text"))
        message = await channel.send(view=view)
        with pytest.raises(discord.HTTPException) as refusal:
            await message.edit(content="plain", view=None)
    assert refusal.value.code == 50035
