"""What many commands have in common: where they are offered, and the words of their options."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from discord import app_commands

T = TypeVar("T")

_WORDS: Final = {
    "negative_prompt": "What should not be in the picture",
    "model": "Which model draws",
    "steps": "More steps take longer and can add detail",
    "guidance_scale": "How closely to follow the prompt",
    "lora": "A style to put on the model, such as ink:0.8; several with commas",
    "seed": "The same seed and settings give the same picture",
    "count": "How many pictures",
    "spoiler": "Hide the pictures until they are clicked",
    "private": "Show the answer to you alone",
}


def everywhere(callback: T) -> T:
    """Offer the command in servers and private messages, whoever has installed the app."""
    installed: Any = app_commands.allowed_installs(guilds=True, users=True)
    placed: Any = app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    return installed(placed(callback))  # type: ignore[no-any-return]  # both return what they get


def usual(*options: str) -> dict[str, str]:
    """The words for options that mean the same in every command, to be given to ``describe``."""
    return {option: _WORDS[option] for option in options}
