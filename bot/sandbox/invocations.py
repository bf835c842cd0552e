"""The member's side of interactions: using commands, components and forms."""

from __future__ import annotations

from dataclasses import dataclass

from bot.sandbox import permissions
from bot.sandbox.cdn import Attachment, Cdn, Upload
from bot.sandbox.command_rules import CommandType
from bot.sandbox.commands import Command, Commands
from bot.sandbox.components import SELECTS, Kind, find
from bot.sandbox.errors import ApiError, Code, invalid
from bot.sandbox.events import InteractionEvent
from bot.sandbox.guild import MIB, Channel
from bot.sandbox.interaction import Interaction, InteractionType, new_token
from bot.sandbox.interactions import Interactions
from bot.sandbox.message import Message
from bot.sandbox.messages import Messages
from bot.sandbox.modals import ModalReader, resolve_choices
from bot.sandbox.options import AttachUpload, OptionReader
from bot.sandbox.permissions import Permission
from bot.sandbox.resolved import Resolved
from bot.sandbox.wire import (
    Json,
    JsonObject,
    as_id,
    as_int,
    as_list,
    as_object,
    as_objects,
    as_text,
)
from bot.sandbox.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, where, and with which files.

    `file_size_limit` overrides what the guild grants the interaction.
    """

    user_id: str
    channel: Channel
    nonce: str = ""
    uploads: tuple[Upload, ...] = ()
    names: JsonObject | None = None
    file_size_limit: int | None = None


class Invocations:
    """Turns what a member does into an INTERACTION_CREATE, or refuses as Discord's client does."""

    def __init__(
        self,
        world: World,
        cdn: Cdn,
        messages: Messages,
        commands: Commands,
        interactions: Interactions,
    ) -> None:
        self._world = world
        self._cdn = cdn
        self._messages = messages
        self._commands = commands
        self._interactions = interactions

    # -- what members do -----------------------------------------------------------------------

    def command(self, actor: Actor, body: JsonObject, *, typing: bool = False) -> Interaction:
        """Use a command; with `typing`, ask for suggestions for its focused option."""
        command = self._find_command(actor, body)
        resolved = self._resolved(actor)
        data: JsonObject = {"id": command.id, "name": command.name, "type": int(command.type)}
        if command.guild_id is not None:
            data["guild_id"] = command.guild_id
        metadata: JsonObject = {"command_type": int(command.type), "name": command.name}
        if command.type is CommandType.CHAT_INPUT:
            reader = OptionReader(
                self._world, actor.channel, resolved, self._attacher(actor), typing=typing
            )
            given = as_objects(body.get("options"))
            options = reader.read(as_objects(command.wire.get("options")), given)
            reader.errors.raise_if_any()
            data["options"] = [*options]
        else:
            target = self._target(actor, command.type, body, resolved)
            data["target_id"] = target
            key = "target_user_id" if command.type is CommandType.USER else "target_message_id"
            metadata[key] = target
        if resolved.to_wire():
            data["resolved"] = resolved.to_wire()
        kind = InteractionType.AUTOCOMPLETE if typing else InteractionType.COMMAND
        return self._send(self._make(actor, kind, data, metadata, command=command), source=None)

    def component(self, actor: Actor, body: JsonObject) -> Interaction:
        """Press a button or choose in a select. `forged` skips all checks, as an attacker would."""
        message = self._messages.get(actor.channel.id, as_id(body.get("message_id")) or "")
        if not message.visible_to(actor.user_id):
            raise ApiError.of(Code.UNKNOWN_MESSAGE)
        custom_id = as_text(body.get("custom_id"))
        component = find([*message.components], custom_id)
        if component is None and body.get("forged") is True:
            component = {"type": int(Kind.BUTTON), "id": 1}
        if component is None:
            raise invalid(
                ("custom_id",), "COMPONENT_VALIDATION_FAILED", "Component validation failed"
            )
        if component.get("disabled") is True and body.get("forged") is not True:
            raise invalid(("custom_id",), "COMPONENT_DISABLED", "This component is disabled.")
        data: JsonObject = {
            "custom_id": custom_id,
            "component_type": component["type"],
            "id": component["id"],
        }
        if component["type"] in SELECTS:
            data |= self._selection(actor, component, as_list(body.get("values")))
        metadata: JsonObject = {"interacted_message_id": message.id}
        made = self._make(actor, InteractionType.COMPONENT, data, metadata)
        return self._send(made, source=message)

    def modal(self, actor: Actor, body: JsonObject) -> Interaction:
        """Submit the form with which an interaction was answered."""
        opener = self._interactions.get(as_id(body.get("interaction_id")) or "")
        if opener.modal is None or opener.user_id != actor.user_id:
            raise ApiError.of(Code.UNKNOWN_INTERACTION)
        resolved = self._resolved(actor)
        fields = as_object(body.get("fields"))
        reader = ModalReader(self._world, resolved, self._attacher(actor), fields)
        components = reader.read(opener.modal)
        reader.errors.raise_if_any()
        data: JsonObject = {
            "custom_id": opener.modal["custom_id"],
            "components": [*components],
        }
        if resolved.to_wire():
            data["resolved"] = resolved.to_wire()
        metadata: JsonObject = {"triggering_interaction_metadata": opener.metadata}
        made = self._make(actor, InteractionType.MODAL, data, metadata)
        return self._send(made, source=opener.source)

    # -- inside --------------------------------------------------------------------------------

    def _find_command(self, actor: Actor, body: JsonObject) -> Command:
        usable = self._commands.usable(actor.user_id, actor.channel)
        kind = as_int(body.get("command_type"), int(CommandType.CHAT_INPUT))
        wanted = as_id(body.get("command_id"))
        for command in usable:
            if wanted is not None and command.id == wanted:
                return command
            if wanted is None and (command.type, command.name) == (kind, body.get("name")):
                return command
        raise ApiError.of(Code.UNKNOWN_COMMAND)

    def _target(self, actor: Actor, kind: CommandType, body: JsonObject, resolved: Resolved) -> str:
        target = as_id(body.get("target_id")) or ""
        if kind is CommandType.USER:
            resolved.add_user(target)
            return target
        message = self._messages.get(actor.channel.id, target)
        # The target is shown whole: the message content intent makes an exception for it.
        resolved.add_message(self._messages.writer.write(message, viewer_id=self._world.bot.id))
        return target

    def _selection(self, actor: Actor, component: JsonObject, values: list[Json]) -> JsonObject:
        low, high = as_int(component["min_values"]), as_int(component["max_values"])
        if not low <= len(values) <= high:
            raise invalid(("values",), "BASE_TYPE_BAD_LENGTH", f"Choose between {low} and {high}.")
        if component["type"] == Kind.STRING_SELECT:
            known = [option["value"] for option in as_objects(component["options"])]
            if any(value not in known for value in values):
                raise invalid(("values",), "BASE_TYPE_CHOICES", "Choose among the options.")
            return {"values": values}
        resolved = self._resolved(actor)
        resolve_choices(self._world, resolved, values)
        return {"values": values, "resolved": resolved.to_wire()}

    def _resolved(self, actor: Actor) -> Resolved:
        return Resolved(self._world, self._cdn, actor.channel, actor.user_id)

    def _attacher(self, actor: Actor) -> AttachUpload:
        by_index = {str(upload.index): upload for upload in actor.uploads}
        described = {
            str(item.get("id")): item for item in as_objects((actor.names or {}).get("attachments"))
        }

        def attach(value: Json) -> Attachment | None:
            upload = by_index.get(str(value))
            if upload is None:
                return None
            if len(upload.data) > self._limit(actor):
                raise ApiError.of(Code.TOO_LARGE)
            said = described.get(str(value), {})
            return self._cdn.store(
                upload,
                channel_id=actor.channel.id,
                filename=as_text(said.get("filename")) or None,
                description=as_text(said.get("description")) or None,
                ephemeral=True,
            )

        return attach

    def _limit(self, actor: Actor) -> int:
        if actor.file_size_limit is not None:
            return actor.file_size_limit
        guild = self._world.guilds.get(actor.channel.guild_id or "")
        return 10 * MIB if guild is None else guild.attachment_size_limit

    def _make(
        self,
        actor: Actor,
        kind: InteractionType,
        data: JsonObject,
        metadata: JsonObject,
        command: Command | None = None,
    ) -> Interaction:
        interaction_id = self._world.snowflakes.next()
        named_kind = InteractionType.COMMAND if kind is InteractionType.AUTOCOMPLETE else kind
        full: JsonObject = {
            "id": interaction_id,
            "type": int(named_kind),
            "user_id": actor.user_id,
            "authorizing_integration_owners": _owners(actor.channel),
            **metadata,
        }
        return Interaction(
            id=interaction_id,
            token=new_token(),
            type=kind,
            user_id=actor.user_id,
            channel=actor.channel,
            created_at=self._world.clock.now(),
            data=data,
            metadata=full,
            nonce=actor.nonce,
            file_size_limit=self._limit(actor),
            command_type=None if command is None else int(command.type),
            command_name=None if command is None else command.name,
        )

    def _send(self, interaction: Interaction, *, source: Message | None) -> Interaction:
        interaction.source = source
        self._interactions.start(interaction)
        self._world.bus.publish(InteractionEvent(payload=self._payload(interaction)))
        return interaction

    def _payload(self, interaction: Interaction) -> JsonObject:
        world, channel = self._world, interaction.channel
        rights = str(int(permissions.in_channel(world, channel, interaction.user_id)))
        bot_rights = _app_rights(world, channel)
        payload: JsonObject = {
            "id": interaction.id,
            "application_id": world.application_id,
            "type": int(interaction.type),
            "token": interaction.token,
            "version": 1,
            "data": interaction.data,
            "channel_id": channel.id,
            "channel": world.channel_wire(channel) | {"permissions": rights},
            "app_permissions": str(int(bot_rights)),
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": _owners(channel),
            "context": 1 if channel.is_dm else 0,
            "attachment_size_limit": interaction.file_size_limit,
        }
        if interaction.source is not None:
            payload["message"] = self._messages.writer.write(
                interaction.source, viewer_id=world.bot.id
            )
        if channel.guild_id is None:
            return payload | {"user": world.user(interaction.user_id).to_wire()}
        guild = world.guild(channel.guild_id)
        member = world.member_wire(guild, interaction.user_id) | {"permissions": rights}
        partial: JsonObject = {"id": guild.id, "locale": "en-US", "features": []}
        return payload | {
            "guild_id": guild.id,
            "guild": partial,
            "guild_locale": "en-US",
            "member": member,
        }


def _app_rights(world: World, channel: Channel) -> Permission:
    if channel.is_dm:
        # Discord names just these in a DM with the bot; SEND_MESSAGES is not among them.
        return (
            Permission.ATTACH_FILES
            | Permission.EMBED_LINKS
            | Permission.MENTION_EVERYONE
            | Permission.USE_EXTERNAL_EMOJIS
        )
    return permissions.in_channel(world, channel, world.bot.id)


def _owners(channel: Channel) -> JsonObject:
    return {"0": channel.guild_id or "0"}
