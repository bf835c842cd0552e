"""A small bot with one command for each thing that the page must be able to show."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import discord
from discord import app_commands, ui
from PIL import Image

Use: TypeAlias = "discord.Interaction[Painter]"

MEDIUMS = ("oil", "gouache", "watercolour", "charcoal", "ink wash")


def picture(color: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> bytes:
    """A plain PNG."""
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "PNG")
    return out.getvalue()


def _file(name: str, color: tuple[int, int, int]) -> discord.File:
    return discord.File(io.BytesIO(picture(color)), name, description=f"A study in {name}")


class Painter(discord.Client):
    """A bot with one command for each thing the page must be able to show."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents.default(), guild_ready_timeout=0.1)
        self.tree = app_commands.CommandTree(self)
        self.tree.error(self._failed)
        for command in COMMANDS:
            self.tree.add_command(command)
        self.tree.add_command(Limits())
        self.used: list[dict[str, object]] = []
        self.failures: list[str] = []
        self.release = asyncio.Event()

    async def _failed(self, use: Use, error: app_commands.AppCommandError) -> None:
        self.failures.append(f"{use.data} {error}")

    async def setup_hook(self) -> None:
        await self.tree.sync()

    def note(self, **facts: object) -> None:
        """Keep what arrived, for a test to look at."""
        self.used.append(facts)


@app_commands.command(description="Paint a picture from words")
@app_commands.describe(
    prompt="What to paint",
    style="How it should look",
    steps="How long to work on it",
    strength="How closely to follow the picture",
    medium="What to paint with",
    sketch="A picture to start from",
    critic="Who shall judge it",
    private="Show it to you alone",
)
@app_commands.choices(
    style=[app_commands.Choice(name=name.title(), value=name) for name in ("calm", "bold")]
)
async def paint(  # noqa: PLR0917 - discord.py reads the options from the signature
    use: Use,
    prompt: app_commands.Range[str, 1, 200],
    style: str = "calm",
    steps: app_commands.Range[int, 1, 50] = 20,
    strength: app_commands.Range[float, 0.0, 1.0] = 0.5,
    medium: str | None = None,
    sketch: discord.Attachment | None = None,
    critic: discord.Member | None = None,
    private: bool = False,
) -> None:
    await use.response.defer(thinking=True, ephemeral=private)
    use.client.note(
        prompt=prompt,
        style=style,
        steps=steps,
        strength=strength,
        medium=medium,
        sketch=await sketch.read() if sketch else None,
        critic=critic.name if critic else None,
    )
    await use.edit_original_response(
        content=f"**{discord.utils.escape_markdown(prompt)}** in {style}, {steps} steps",
        attachments=[_file("painting.png", (40, 110, 95))],
        view=Easel(),
    )


@paint.autocomplete("medium")
async def _mediums(use: Use, current: str) -> list[app_commands.Choice[str]]:
    use.client.note(asked=current, prompt=use.namespace.prompt)
    found = [name for name in MEDIUMS if current.lower() in name]
    return [app_commands.Choice(name=name.title(), value=name) for name in found]


class Easel(ui.View):
    """Buttons under a painting."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    @ui.button(label="Varnish", style=discord.ButtonStyle.primary, emoji="🎨")
    async def varnish(self, use: Use, button: ui.Button[Easel]) -> None:
        button.disabled = True
        await use.response.edit_message(content="Varnished.", view=self)

    @ui.button(label="Rename", style=discord.ButtonStyle.secondary)
    async def rename(self, use: Use, _: ui.Button[Easel]) -> None:
        await use.response.send_modal(Name())

    @ui.button(label="Ignore me", style=discord.ButtonStyle.danger)
    async def ignore(self, use: Use, _: ui.Button[Easel]) -> None:
        await use.client.release.wait()


class Name(ui.Modal, title="Rename the painting"):
    """A form with a single field."""

    name: ui.TextInput[Name] = ui.TextInput(label="Name", min_length=3, max_length=40)

    async def on_submit(self, use: Use) -> None:  # type: ignore[override]
        await use.response.send_message(f"It is called {self.name.value}.")


class Room(ui.LayoutView):
    """Every Components V2 part at once."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        box: ui.Container[Room] = ui.Container(accent_colour=0x1B6A5C)
        box.add_item(ui.TextDisplay("## Three studies\nBy *nobody in particular*"))
        box.add_item(
            ui.Section(
                ui.TextDisplay("A section with a thumbnail"),
                accessory=ui.Thumbnail("attachment://red.png", description="red"),
            )
        )
        box.add_item(ui.Separator())
        box.add_item(
            ui.MediaGallery(
                discord.MediaGalleryItem("attachment://red.png", description="A red study"),
                discord.MediaGalleryItem("attachment://blue.png", description="A blue study"),
                discord.MediaGalleryItem(
                    "attachment://secret.png", description="A hidden study", spoiler=True
                ),
            )
        )
        box.add_item(ui.File("attachment://notes.txt"))
        self.add_item(box)


@app_commands.command(description="Show a room full of studies")
async def gallery(use: Use) -> None:
    files = [
        _file("red.png", (170, 60, 50)),
        _file("blue.png", (50, 90, 160)),
        _file("secret.png", (20, 20, 20)),
        discord.File(io.BytesIO(b"notes"), "notes.txt"),
    ]
    await use.response.send_message(view=Room(), files=files)


class Panel(ui.View):
    """Selects and buttons of every style."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.add_item(ui.Button(label="Website", url="https://example.com/"))
        self.add_item(ui.Button(label="Worn out", disabled=True, custom_id="worn"))

    @ui.select(
        placeholder="Pick a paper",
        options=[
            discord.SelectOption(label="Rough", description="For dry brush"),
            discord.SelectOption(label="Smooth", emoji="🧻"),
        ],
    )
    async def paper(self, use: Use, select: ui.Select[Panel]) -> None:
        await use.response.send_message(f"Paper: {select.values[0]}")

    @ui.select(
        placeholder="Pick pigments",
        max_values=3,
        options=[discord.SelectOption(label=name) for name in ("Ochre", "Umber", "Viridian")],
    )
    async def pigments(self, use: Use, select: ui.Select[Panel]) -> None:
        await use.response.send_message(f"Pigments: {', '.join(sorted(select.values))}")

    @ui.select(cls=ui.UserSelect, placeholder="Pick a sitter")
    async def sitter(self, use: Use, select: ui.UserSelect[Panel]) -> None:
        await use.response.send_message(f"Sitter: {select.values[0].name}")


@app_commands.command(description="Show the panel")
async def panel(use: Use) -> None:
    card = discord.Embed(title="The panel", description="All **knobs**", colour=0xC69A34)
    card.add_field(name="Light", value="North", inline=True)
    card.add_field(name="Easels", value="3", inline=True)
    card.set_footer(text="Open day and night")
    await use.response.send_message(embed=card, view=Panel())


class Feedback(ui.Modal, title="What do you think?"):
    """Most kinds of field that a form may hold."""

    def __init__(self) -> None:
        super().__init__()
        self.words: ui.TextInput[Feedback] = ui.TextInput(
            style=discord.TextStyle.paragraph, min_length=5
        )
        self.grade: ui.Select[Feedback] = ui.Select(
            options=[discord.SelectOption(label=name) for name in ("Good", "Fair", "Poor")]
        )
        self.proof: ui.FileUpload[Feedback] = ui.FileUpload(required=False, max_values=2)
        self.mood: ui.RadioGroup[Feedback] = ui.RadioGroup(
            options=[discord.RadioGroupOption(label=name) for name in ("Happy", "Grumpy")]
        )
        self.public: ui.Checkbox[Feedback] = ui.Checkbox()
        for text, item in (
            ("Your words", self.words),
            ("Grade", self.grade),
            ("Proof", self.proof),
            ("Mood", self.mood),
            ("May be quoted", self.public),
        ):
            self.add_item(ui.Label(text=text, component=item))

    async def on_submit(self, use: Use) -> None:  # type: ignore[override]
        use.client.note(
            words=self.words.value,
            grade=self.grade.values,
            proof=[item.filename for item in self.proof.values],
            mood=self.mood.value,
            public=self.public.value,
        )
        await use.response.send_message("Thank you.", ephemeral=True)


@app_commands.command(description="Tell us what you think")
async def feedback(use: Use) -> None:
    await use.response.send_modal(Feedback())


class Survey(ui.Modal, title="A survey"):
    """The kinds of field for which `Feedback` had no room."""

    def __init__(self) -> None:
        super().__init__()
        self.topics: ui.CheckboxGroup[Survey] = ui.CheckboxGroup(
            options=[discord.CheckboxGroupOption(label=name) for name in ("Colour", "Form")]
        )
        self.sitter: ui.UserSelect[Survey] = ui.UserSelect(required=False)
        self.add_item(ui.TextDisplay("Be **kind**."))
        self.add_item(ui.Label(text="Topics", component=self.topics))
        self.add_item(ui.Label(text="Sitter", component=self.sitter))

    async def on_submit(self, use: Use) -> None:  # type: ignore[override]
        use.client.note(
            topics=self.topics.values, sitters=[person.name for person in self.sitter.values]
        )
        await use.response.send_message("Thank you.")


@app_commands.command(description="Take part in a survey")
async def survey(use: Use) -> None:
    await use.response.send_modal(Survey())


@app_commands.command(description="Never answers")
async def silent(use: Use) -> None:
    await use.client.release.wait()


@app_commands.command(description="Thinks until it is told to stop")
async def slow(use: Use) -> None:
    await use.response.defer(thinking=True)
    await use.client.release.wait()
    await use.edit_original_response(content="Done thinking.")


@app_commands.command(description="Answers you alone")
async def whisper(use: Use) -> None:
    await use.response.send_message("Between you and me.", ephemeral=True)


@app_commands.command(description="Says it again")
async def echo(use: Use, text: str) -> None:
    await use.response.send_message(text)


@app_commands.context_menu(name="Describe")
async def describe(use: Use, message: discord.Message) -> None:
    await use.response.send_message(f"It says: {message.content}")


class Limits(app_commands.Group):
    """A group of subcommands."""

    def __init__(self) -> None:
        super().__init__(name="limits", description="How much may be painted")

    @app_commands.command(name="set", description="Set a limit")
    async def set_(self, use: Use, most: app_commands.Range[int, 1, 9]) -> None:
        await use.response.send_message(f"At most {most}.")


COMMANDS: tuple[app_commands.Command[Any, ..., Any] | app_commands.ContextMenu, ...] = (
    paint,
    gallery,
    panel,
    feedback,
    survey,
    silent,
    slow,
    whisper,
    echo,
    describe,
)


@asynccontextmanager
async def painting(token: str) -> AsyncIterator[Painter]:
    """Run the painter; yields once it is online."""
    painter = Painter()
    task = asyncio.create_task(painter.start(token), name="painter")
    ready = asyncio.create_task(painter.wait_until_ready(), name="painter-ready")
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if task.done():
            task.result()
        yield painter
    finally:
        painter.release.set()
        await painter.close()
        await asyncio.gather(task, ready, return_exceptions=True)
