"""Messages about the bot itself: the guide, and what a server allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bot.permissions import role_group
from bot.replies import Card
from bot.text import plain
from generation.limits import LIMITS, Limits

_ROLE: Final = role_group("")

_GUIDE: Final = """\
**Make a picture**: `/imagine` and say what you would like to see.
**Shape it**: the options set size, steps, guidance and seed; so do flags in the prompt, such as \
`--ar 16:9 --no text --seed 7`.
**Weigh words**: `(word:1.3)` says it louder, `[word]` softer; `\\(` is a plain bracket.
**Add a style**: the `lora` option suggests those there are; several go together, `ink:0.8, neon`.
**Start from a picture**: give `/imagine` an `image`, or choose Apps → Reimagine… on any message \
with a picture, or reply to one of mine and mention {mention}.
**Change a part**: `/inpaint` draws anew what is white in a mask, or transparent in the picture; \
`/outpaint` draws on beyond the edges.
**Keep to a picture**: `/control` follows its edges, depth or pose, where there is a ControlNet.
**Make a pattern**: with `--tile` the edges meet without a seam.
**Make it larger**: Upscale under a result, or `/upscale` for any picture.
**Start from settings**: choose Apps → Use these settings on any picture that carries them, mine \
or another program's.
**Go on**: the buttons under a result draw it again, vary it, enlarge it, edit it, or delete it."""


def limits(values: Limits, *, server: bool, shares: Mapping[str, float]) -> Card:
    """What a server (or private messages) allows, one line a limit, and some roles' shares."""
    place = "This server" if server else "In private messages, each person"
    lines = [f"**{place} allows**"]
    lines += [f"{info.title.capitalize()}: **{getattr(values, info.field)}**" for info in LIMITS]
    if shares:
        named = [
            f"<@&{group.removeprefix(_ROLE)}> {share:g}"
            for group, share in sorted(shares.items())
            if group.startswith(_ROLE)
        ]
        lines.append(f"Shares of the queue, where others have 1: {', '.join(named[:20])}")
    if server:
        lines.append("-# Who manages the server can change these: /limits set, /limits share.")
    return Card(texts=("\n".join(lines),))


def guide(bot_id: int, models: Sequence[str], words: Sequence[str] = ()) -> Card:
    """How to use the bot, in one screen. ``words`` have a learned meaning in prompts."""
    names = ", ".join(plain(name, 60) for name in models[:20])
    help_text = _GUIDE.format(mention=f"<@{bot_id}>")
    footer = [f"-# Models: {names}" if names else "-# No model is available right now."]
    if words:
        learned = ", ".join(plain(word, 60) for word in words[:20])
        footer.append(f"-# Words with a learned meaning: {learned}")
    return Card(texts=(help_text, "\n".join(footer)))
