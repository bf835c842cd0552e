"""REST: guilds, members, roles, users and DMs."""

from __future__ import annotations

import base64
import binascii

from bot.sandbox import permissions
from bot.sandbox.core import Core
from bot.sandbox.errors import ApiError, Code, invalid
from bot.sandbox.events import MemberEvent
from bot.sandbox.form import Form
from bot.sandbox.guild import Guild, User
from bot.sandbox.permissions import Permission
from bot.sandbox.rest import NOTHING, Answer, Call, Route
from bot.sandbox.wire import Json, JsonObject, as_int

_GUILD = "/guilds/{guild}"
_MEMBER = _GUILD + "/members/{user}"


class GuildRoutes:
    """Handlers by route; the bot acts."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world
        self._me = core.world.bot.id

    def routes(self) -> list[Route]:
        """Return the table; literal paths stand before those with a parameter in their place."""
        return [
            Route("GET", "/users/@me", self._whoami),
            Route("PATCH", "/users/@me", self._change_me),
            Route("POST", "/users/@me/channels", self._open_dm),
            Route("GET", "/users/@me/guilds", self._my_guilds),
            Route("DELETE", "/users/@me/guilds/{guild}", self._leave),
            Route("GET", "/users/{user}", self._user),
            Route("GET", _GUILD, self._get),
            Route("GET", _GUILD + "/channels", self._channels),
            Route("POST", _GUILD + "/channels", self._make_channel),
            Route("GET", _GUILD + "/threads/active", self._active_threads),
            Route("GET", _GUILD + "/roles", self._roles),
            Route("GET", _GUILD + "/roles/{role}", self._role),
            Route("GET", _GUILD + "/emojis", self._none),
            Route("GET", _GUILD + "/members", self._members),
            Route("PATCH", _GUILD + "/members/@me", self._change_own_nick),
            Route("GET", _MEMBER, self._member),
            Route("DELETE", _MEMBER, self._kick),
            Route("PUT", _MEMBER + "/roles/{role}", self._give_role),
            Route("DELETE", _MEMBER + "/roles/{role}", self._take_role),
        ]

    # -- users ---------------------------------------------------------------------------------

    def _whoami(self, call: Call) -> Answer:
        del call
        return Answer(body=_own_wire(self._world.bot))

    def _change_me(self, call: Call) -> Answer:
        form = Form(call.data)
        name = form.text("username", low=2, high=32)
        avatar = form.text("avatar")
        form.errors.raise_if_any()
        me = self._world.bot
        me.username = name or me.username
        if "avatar" in form:
            me.avatar = None if avatar is None else self._core.cdn.set_avatar(me.id, _image(avatar))
        return Answer(body=_own_wire(me))

    def _user(self, call: Call) -> Answer:
        return Answer(body=self._world.user(call.path["user"]).to_wire())

    def _open_dm(self, call: Call) -> Answer:
        form = Form(call.data)
        recipient = form.snowflake("recipient_id", required=True)
        form.errors.raise_if_any()
        user = self._world.user(recipient or "")
        if user.id == self._me:
            raise ApiError.of(Code.CANNOT_DM)
        channel = self._world.dm_with_bot(user.id)
        return Answer(body=self._world.channel_wire(channel))

    def _my_guilds(self, call: Call) -> Answer:
        del call
        found = [
            _partial(item, self._me)
            for item in self._world.guilds.values()
            if self._me in item.members
        ]
        return Answer(body=found)

    def _leave(self, call: Call) -> Answer:
        self._world.leave(self._guild(call), self._me)
        return NOTHING

    # -- guilds --------------------------------------------------------------------------------

    def _get(self, call: Call) -> Answer:
        guild = self._guild(call)
        wire = guild.to_wire()
        if call.flag("with_counts"):
            count = len(guild.members)
            wire |= {"approximate_member_count": count, "approximate_presence_count": count}
        return Answer(body=wire)

    def _channels(self, call: Call) -> Answer:
        guild = self._guild(call)
        found = [
            self._world.channel_wire(item)
            for item in self._world.channels.values()
            if item.guild_id == guild.id and not item.is_thread
        ]
        return Answer(body=found)

    def _make_channel(self, call: Call) -> Answer:
        guild = self._guild(call)
        self._require(guild, Permission.MANAGE_CHANNELS)
        form = Form(call.data)
        name = form.text("name", low=1, high=100, required=True) or ""
        form.errors.raise_if_any()
        channel = self._world.add_channel(guild, name, nsfw=form.flag("nsfw"))
        return Answer(body=self._world.channel_wire(channel), status=201)

    def _active_threads(self, call: Call) -> Answer:
        guild = self._guild(call)
        threads: list[Json] = [
            self._world.channel_wire(item)
            for item in self._world.channels.values()
            if item.guild_id == guild.id and item.is_thread and not item.archived
        ]
        return Answer(body={"threads": threads, "members": []})

    def _roles(self, call: Call) -> Answer:
        return Answer(body=[item.to_wire() for item in self._guild(call).roles.values()])

    def _role(self, call: Call) -> Answer:
        role = self._guild(call).roles.get(call.path["role"])
        if role is None:
            raise ApiError.of(Code.UNKNOWN_ROLE)
        return Answer(body=role.to_wire())

    def _none(self, call: Call) -> Answer:
        self._guild(call)
        return Answer(body=[])

    # -- members -------------------------------------------------------------------------------

    def _members(self, call: Call) -> Answer:
        guild = self._guild(call)
        after = as_int(call.query.get("after"))
        limit = min(1000, max(1, as_int(call.query.get("limit"), 1)))
        found = sorted((item for item in guild.members if int(item) > after), key=int)
        return Answer(body=[self._world.member_wire(guild, item) for item in found[:limit]])

    def _member(self, call: Call) -> Answer:
        return Answer(body=self._world.member_wire(self._guild(call), call.path["user"]))

    def _change_own_nick(self, call: Call) -> Answer:
        guild = self._guild(call)
        form = Form(call.data)
        nick = form.text("nick", high=32)
        form.errors.raise_if_any()
        guild.members[self._me].nick = nick or None
        self._world.bus.publish(MemberEvent(change="update", guild=guild, user_id=self._me))
        return Answer(body=self._world.member_wire(guild, self._me))

    def _kick(self, call: Call) -> Answer:
        guild = self._guild(call)
        self._require(guild, Permission.KICK_MEMBERS)
        self._world.leave(guild, call.path["user"])
        return NOTHING

    def _give_role(self, call: Call) -> Answer:
        guild = self._with_member_and_role(call)
        self._world.give_role(guild, call.path["user"], call.path["role"])
        return NOTHING

    def _take_role(self, call: Call) -> Answer:
        guild = self._with_member_and_role(call)
        member = guild.members[call.path["user"]]
        member.roles = [item for item in member.roles if item != call.path["role"]]
        self._world.bus.publish(MemberEvent(change="update", guild=guild, user_id=member.user_id))
        return NOTHING

    # -- shared --------------------------------------------------------------------------------

    def _guild(self, call: Call) -> Guild:
        guild = self._world.guild(call.path["guild"])
        if self._me not in guild.members:
            raise ApiError.of(Code.UNKNOWN_GUILD)
        return guild

    def _require(self, guild: Guild, needed: Permission) -> None:
        if needed & ~permissions.in_guild(guild, self._me):
            raise ApiError.of(Code.MISSING_PERMISSIONS)

    def _with_member_and_role(self, call: Call) -> Guild:
        guild = self._guild(call)
        self._require(guild, Permission.MANAGE_ROLES)
        if call.path["user"] not in guild.members:
            raise ApiError.of(Code.UNKNOWN_MEMBER)
        if call.path["role"] not in guild.roles:
            raise ApiError.of(Code.UNKNOWN_ROLE)
        return guild


def _own_wire(user: User) -> JsonObject:
    return user.to_wire() | {
        "mfa_enabled": False,
        "locale": "en-US",
        "verified": True,
        "email": None,
    }


def _partial(guild: Guild, user_id: str) -> JsonObject:
    return {
        "id": guild.id,
        "name": guild.name,
        "icon": None,
        "banner": None,
        "owner": guild.owner_id == user_id,
        "permissions": str(int(permissions.in_guild(guild, user_id))),
        "features": [],
    }


def _image(data_uri: str) -> bytes:
    try:
        return base64.b64decode(data_uri.partition(",")[2], validate=True)
    except binascii.Error:
        raise invalid(("avatar",), "BASE_TYPE_INVALID", "Could not parse image data.") from None
