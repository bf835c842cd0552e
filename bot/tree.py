"""The command tree: every command of the bot, and one handler for all their errors."""

from __future__ import annotations

import discord
from discord import app_commands

from bot import errors
from bot.cogs.control import control
from bot.cogs.cutout import cutout
from bot.cogs.describe import describe, describe_message
from bot.cogs.edit import blend, edit, edit_message
from bot.cogs.guide import guide
from bot.cogs.imagine import imagine
from bot.cogs.inpaint import inpaint, outpaint
from bot.cogs.limits import limits
from bot.cogs.line import jobs, line
from bot.cogs.models import models
from bot.cogs.reimagine import reimagine
from bot.cogs.reuse import use_settings
from bot.cogs.upscale import upscale
from bot.desk import DeskClient


class EaselTree(app_commands.CommandTree[DeskClient]):
    """All commands. Errors are told by ``bot.errors``."""

    def __init__(self, client: DeskClient) -> None:
        super().__init__(client)
        self.add_command(imagine)
        self.add_command(inpaint)
        self.add_command(outpaint)
        self.add_command(control)
        self.add_command(edit)
        self.add_command(blend)
        self.add_command(upscale)
        self.add_command(cutout)
        self.add_command(describe)
        self.add_command(describe_message)
        self.add_command(reimagine)
        self.add_command(edit_message)
        self.add_command(use_settings)
        self.add_command(line)
        self.add_command(jobs)
        self.add_command(limits)
        self.add_command(models)
        self.add_command(guide)

    async def on_error(
        self,
        interaction: discord.Interaction[DeskClient],
        error: app_commands.AppCommandError,
        /,
    ) -> None:
        """Every failure of a command ends here."""
        await errors.answer(interaction, error)
