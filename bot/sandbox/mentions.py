"""Whom a text mentions, and whom Discord truly notifies of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bot.sandbox import permissions
from bot.sandbox.form import Form
from bot.sandbox.guild import Channel
from bot.sandbox.permissions import Permission
from bot.sandbox.wire import as_ids, as_list
from bot.sandbox.world import World

_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_EVERYONE = re.compile(r"@(everyone|here)\b")
_MOST_IDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedMentions:
    """Which mentions of a text count. `users` and `roles` list those allowed beyond `parse`."""

    parse: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    replied_user: bool = False


EVERYTHING = AllowedMentions(parse=frozenset({"users", "roles", "everyone"}), replied_user=True)
"""Discord's default for ordinary channel messages."""

USERS_ONLY = AllowedMentions(parse=frozenset({"users"}))
"""Discord's default for interaction answers and webhooks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentions:
    """What a message mentions, as its object says it, and the people it notifies."""

    users: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    everyone: bool = False
    pinged: frozenset[str] = frozenset()


def check_allowed_mentions(form: Form) -> AllowedMentions | None:
    """Read `allowed_mentions`; None where absent, which means the route's default."""
    inner = form.child("allowed_mentions")
    if inner is None:
        return None
    parse = frozenset(str(item) for item in as_list(inner.data.get("parse")))
    for unknown in parse - {"users", "roles", "everyone"}:
        inner.fail("parse", "BASE_TYPE_CHOICES", f'"{unknown}" is not one of the choices.')
    found = {key: frozenset(as_ids(inner.data.get(key))) for key in ("users", "roles")}
    for key, ids in found.items():
        if len(ids) > _MOST_IDS:
            inner.fail(key, "BASE_TYPE_MAX_LENGTH", f"Must be {_MOST_IDS} or fewer in length.")
        if ids and key in parse:
            inner.fail(
                "parse",
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                f'parse:["{key}"] and {key}: [ids...] are mutually exclusive.',
            )
    return AllowedMentions(parse=parse, **found, replied_user=inner.flag("replied_user"))


def read_mentions(
    world: World,
    channel: Channel,
    *,
    author_id: str,
    texts: list[str],
    allowed: AllowedMentions,
    replied_to: str | None = None,
) -> Mentions:
    """Work out whom `texts`, sent by the author to that channel, mention and notify.

    `replied_to` is the author of the message replied to.
    """
    text = "\n".join(texts)
    users = [
        user_id
        for user_id in dict.fromkeys(_USER.findall(text))
        if user_id in world.users and ("users" in allowed.parse or user_id in allowed.users)
    ]
    if replied_to is not None and allowed.replied_user and replied_to not in users:
        users.append(replied_to)
    if channel.guild_id is None:
        return Mentions(users=users, pinged=frozenset(users) - {author_id})
    guild = world.guilds[channel.guild_id]
    rights = permissions.in_channel(world, channel, author_id)
    may_ping_all = bool(rights & Permission.MENTION_EVERYONE)
    roles = [
        role_id
        for role_id in dict.fromkeys(_ROLE.findall(text))
        if role_id in guild.roles and ("roles" in allowed.parse or role_id in allowed.roles)
    ]
    everyone = bool(_EVERYONE.search(text)) and "everyone" in allowed.parse and may_ping_all
    pinged = set(users)
    for role_id in roles:
        if may_ping_all or guild.roles[role_id].mentionable:
            pinged |= {item.user_id for item in guild.members.values() if role_id in item.roles}
    if everyone:
        pinged |= set(guild.members)
    reached = {user_id for user_id in pinged - {author_id} if world.sees(user_id, channel)}
    return Mentions(users=users, roles=roles, everyone=everyone, pinged=frozenset(reached))
