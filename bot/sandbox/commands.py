"""The application's commands: registering them as Discord would, and who may use which where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.sandbox import permissions
from bot.sandbox.command_rules import CommandType, check_command
from bot.sandbox.errors import ApiError, Code
from bot.sandbox.events import CommandsEvent
from bot.sandbox.form import Form
from bot.sandbox.guild import Channel
from bot.sandbox.permissions import Permission
from bot.sandbox.wire import Json, JsonObject, as_int, as_list, as_text
from bot.sandbox.world import World

GUILD_CONTEXT, BOT_DM_CONTEXT = 0, 1
_MOST = {CommandType.CHAT_INPUT: 100, CommandType.USER: 15, CommandType.MESSAGE: 15}


@dataclass(slots=True, kw_only=True)
class Command:
    """A registered command; `wire` is Discord's object."""

    id: str
    type: CommandType
    name: str
    guild_id: str | None
    wire: JsonObject

    @property
    def nsfw(self) -> bool:
        """Whether the command is age-restricted."""
        return self.wire["nsfw"] is True


class Commands:
    """The registry. A guild's command hides a global one of the same name and type."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._commands: dict[str, Command] = {}

    # -- registering ---------------------------------------------------------------------------

    def registered(self, guild_id: str | None) -> list[Command]:
        """Return the global commands, or those of one guild."""
        return [item for item in self._commands.values() if item.guild_id == guild_id]

    def get(self, command_id: str, guild_id: str | None) -> Command:
        """Return a command, or raise 10063."""
        command = self._commands.get(command_id)
        if command is None or command.guild_id != guild_id:
            raise ApiError.of(Code.UNKNOWN_COMMAND)
        return command

    def replace(self, bodies: list[Json], guild_id: str | None) -> list[Command]:
        """Put exactly these commands in place; one of the same name and type keeps its id."""
        outer = Form({"body": bodies})
        checked = [
            check_command(Form(form.data, outer.errors, form.path[1:]))
            for form in outer.children("body")
        ]
        _check_counts(outer, checked)
        outer.errors.raise_if_any()
        before = {(item.type, item.name): item for item in self.registered(guild_id)}
        for item in before.values():
            del self._commands[item.id]
        kept = [self._register(wire, guild_id, before) for wire in checked]
        self._world.bus.publish(CommandsEvent())
        return kept

    def add(self, body: JsonObject, guild_id: str | None) -> tuple[Command, bool]:
        """Register one command; the second value tells whether it is new."""
        form = Form(body)
        wire = check_command(form)
        form.errors.raise_if_any()
        before = {(item.type, item.name): item for item in self.registered(guild_id)}
        kind = CommandType(as_int(wire["type"]))
        new = (kind, wire["name"]) not in before
        if new and sum(item.type is kind for item in before.values()) >= _MOST[kind]:
            raise ApiError.of(Code.TOO_MANY_COMMANDS)
        command = self._register(wire, guild_id, before)
        self._world.bus.publish(CommandsEvent())
        return command, new

    def change(self, command: Command, body: JsonObject) -> Command:
        """Change some fields of a command."""
        form = Form(command.wire | body)
        wire = check_command(form)
        form.errors.raise_if_any()
        before = {(CommandType(as_int(wire["type"])), as_text(wire["name"])): command}
        changed = self._register(wire, command.guild_id, before)
        self._world.bus.publish(CommandsEvent())
        return changed

    def remove(self, command: Command) -> None:
        """Remove a command."""
        del self._commands[command.id]
        self._world.bus.publish(CommandsEvent())

    def _register(
        self,
        wire: JsonObject,
        guild_id: str | None,
        before: dict[tuple[CommandType, str], Command],
    ) -> Command:
        kind, name = CommandType(as_int(wire["type"])), as_text(wire["name"])
        earlier = before.get((kind, name))
        fresh = self._world.snowflakes.next()
        full: JsonObject = {
            "id": fresh if earlier is None else earlier.id,
            "application_id": self._world.application_id,
            "version": fresh,
            **wire,
        }
        if guild_id is not None:
            # Where a command may be used is a matter of global commands only.
            full |= {"guild_id": guild_id, "contexts": None}
            full.pop("dm_permission", None)
        if earlier is not None and earlier.wire | {"version": fresh} == full:
            full = earlier.wire
        command = Command(
            id=as_text(full["id"]), type=kind, name=name, guild_id=guild_id, wire=full
        )
        self._commands[command.id] = command
        return command

    # -- using ---------------------------------------------------------------------------------

    def usable(self, user_id: str, channel: Channel) -> list[Command]:
        """Return the commands that Discord's client offers the user in a channel."""
        found = [item for item in self._commands.values() if self.allows(item, user_id, channel)]
        local = {(item.type, item.name) for item in found if item.guild_id is not None}
        return [item for item in found if item.guild_id or (item.type, item.name) not in local]

    def allows(self, command: Command, user_id: str, channel: Channel) -> bool:
        """Whether the user may use the command in the channel."""
        if command.guild_id is not None and command.guild_id != channel.guild_id:
            return False
        contexts = command.wire.get("contexts")
        context = BOT_DM_CONTEXT if channel.is_dm else GUILD_CONTEXT
        if contexts is not None and context not in as_list(contexts):
            return False
        if channel.is_dm:
            in_dm = command.wire.get("dm_permission") is not False
            return in_dm and user_id in channel.recipients
        if command.nsfw and not self._world.is_age_restricted(channel):
            return False
        rights = permissions.in_channel(self._world, channel, user_id)
        needed = Permission.VIEW_CHANNEL | Permission.USE_APPLICATION_COMMANDS
        return not needed & ~rights and _meets(command, rights)


def _meets(command: Command, rights: Permission) -> bool:
    wanted = command.wire["default_member_permissions"]
    if wanted is None or rights == permissions.ALL:
        return True
    # "0" asks for no right that could be had: the command is for administrators.
    bits = Permission(as_int(wanted))
    return bool(bits) and not bits & ~rights


def _check_counts(form: Form, commands: Iterable[JsonObject]) -> None:
    kept = list(commands)
    for kind, most in _MOST.items():
        if sum(item["type"] == kind for item in kept) > most:
            raise ApiError.of(Code.TOO_MANY_COMMANDS)
    names = [(item["type"], str(item["name"])) for item in kept]
    for index, name in enumerate(names):
        if name in names[:index]:
            form.errors.add(
                (str(index), "name"),
                "APPLICATION_COMMANDS_DUPLICATE_NAME",
                "Application command names must be unique",
            )
