"""Which gateway event the bot gets for what happens, by the intents of its session."""

from __future__ import annotations

from typing import TypeAlias

from bot.sandbox.events import (
    ChannelEvent,
    Event,
    GuildEvent,
    InteractionEvent,
    MemberEvent,
    MessageEvent,
    ReactionEvent,
    TypingEvent,
)
from bot.sandbox.guild import Channel, Guild
from bot.sandbox.intents import Intent, hides_content
from bot.sandbox.message import Message
from bot.sandbox.messages import Messages
from bot.sandbox.wire import Json, JsonObject, timestamp
from bot.sandbox.world import World

Frame: TypeAlias = "tuple[str, JsonObject]"


class Dispatcher:
    """Turns events into named gateway payloads; None where the session does not get them."""

    def __init__(self, world: World, messages: Messages) -> None:
        self._world = world
        self._messages = messages

    def frame(self, event: Event, intents: Intent) -> Frame | None:
        """Return the event's name and data for a session with those intents."""
        match event:
            case InteractionEvent():
                frame: Frame | None = ("INTERACTION_CREATE", event.payload)
            case MessageEvent():
                frame = self._message(event, intents)
            case ReactionEvent():
                frame = self._reaction(event, intents)
            case ChannelEvent():
                frame = self._channel(event, intents)
            case GuildEvent():
                frame = self._guild(event, intents)
            case MemberEvent():
                frame = self._member(event, intents)
            case TypingEvent():
                frame = self._typing(event, intents)
            case _:
                frame = None
        return frame

    def message_wire(self, message: Message, intents: Intent) -> JsonObject:
        """Return a message as the bot may see it, with the one it replies to."""
        wire = self._written(message, intents)
        if message.reference is not None:
            replied = self._messages.find(message.reference[1])
            wire["referenced_message"] = (
                None if replied is None else self._written(replied, intents)
            )
        return wire

    def guild_wire(self, guild: Guild) -> JsonObject:
        """Return the whole guild as GUILD_CREATE carries it."""
        world = self._world
        channels = [item for item in world.channels.values() if item.guild_id == guild.id]
        everybody: list[Json] = [world.member_wire(guild, user_id) for user_id in guild.members]
        flat: list[Json] = [world.channel_wire(item) for item in channels if not item.is_thread]
        threads: list[Json] = [
            world.channel_wire(item)
            for item in channels
            if item.is_thread and not item.archived and world.sees(world.bot.id, item)
        ]
        return guild.to_wire() | {
            "joined_at": timestamp(guild.members[world.bot.id].joined_at),
            "large": False,
            "unavailable": False,
            "member_count": len(guild.members),
            "voice_states": [],
            "members": everybody,
            "channels": flat,
            "threads": threads,
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }

    def _written(self, message: Message, intents: Intent) -> JsonObject:
        bot_id = self._world.bot.id
        blank = hides_content(message, bot_id, intents)
        return self._messages.writer.write(message, viewer_id=bot_id, blank=blank)

    def _message(self, event: MessageEvent, intents: Intent) -> Frame | None:
        message = event.message
        channel = self._world.channels.get(message.channel_id)
        needed = Intent.GUILD_MESSAGES if message.guild_id else Intent.DIRECT_MESSAGES
        if not intents & needed or message.ephemeral_to is not None or not self._sees(channel):
            return None
        place: JsonObject = {"guild_id": message.guild_id} if message.guild_id else {}
        if event.change == "delete":
            gone: JsonObject = {"id": message.id, "channel_id": message.channel_id}
            return "MESSAGE_DELETE", gone | place
        wire = self.message_wire(message, intents) | place
        guild = self._world.guilds.get(message.guild_id or "")
        if guild is not None and message.author_id in guild.members:
            wire["member"] = guild.members[message.author_id].to_wire()
        if channel is not None:
            wire["channel_type"] = int(channel.type)
        return f"MESSAGE_{event.change.upper()}", wire

    def _reaction(self, event: ReactionEvent, intents: Intent) -> Frame | None:
        message = event.message
        guild = self._world.guilds.get(message.guild_id or "")
        needed = (
            Intent.DIRECT_MESSAGE_REACTIONS if guild is None else Intent.GUILD_MESSAGE_REACTIONS
        )
        if not intents & needed or message.ephemeral_to is not None:
            return None
        wire: JsonObject = {
            "user_id": event.user_id,
            "channel_id": message.channel_id,
            "message_id": message.id,
            "emoji": event.emoji,
            "burst": False,
            "type": 0,
        }
        if guild is not None:
            wire["guild_id"] = guild.id
        if event.added:
            wire["message_author_id"] = message.author_id
            if guild is not None:
                wire["member"] = self._world.member_wire(guild, event.user_id)
        return f"MESSAGE_REACTION_{'ADD' if event.added else 'REMOVE'}", wire

    def _channel(self, event: ChannelEvent, intents: Intent) -> Frame | None:
        channel = event.channel
        if channel.is_dm:
            # Bots learn of a DM from its first message.
            return None
        if not intents & Intent.GUILDS:
            return None
        kind = "THREAD" if channel.is_thread else "CHANNEL"
        wire = self._world.channel_wire(channel)
        if event.change == "create" and channel.is_thread:
            wire["newly_created"] = True
        return f"{kind}_{event.change.upper()}", wire

    def _guild(self, event: GuildEvent, intents: Intent) -> Frame | None:
        if not intents & Intent.GUILDS:
            return None
        if event.change == "delete":
            return "GUILD_DELETE", {"id": event.guild.id}
        if event.change == "update":
            return "GUILD_UPDATE", event.guild.to_wire()
        wire = self.guild_wire(event.guild)
        if not intents & Intent.GUILD_MEMBERS:
            # Without the intent a guild arrives with the bot's own membership only.
            wire["members"] = [self._world.member_wire(event.guild, self._world.bot.id)]
        return "GUILD_CREATE", wire

    def _member(self, event: MemberEvent, intents: Intent) -> Frame | None:
        about_bot = event.user_id == self._world.bot.id
        if not intents & Intent.GUILD_MEMBERS and not (about_bot and event.change == "update"):
            return None
        wire: JsonObject = {"guild_id": event.guild.id}
        if event.change == "remove":
            wire["user"] = self._world.user(event.user_id).to_wire()
        else:
            wire |= self._world.member_wire(event.guild, event.user_id)
        return f"GUILD_MEMBER_{event.change.upper()}", wire

    def _typing(self, event: TypingEvent, intents: Intent) -> Frame | None:
        channel = event.channel
        needed = Intent.DIRECT_MESSAGE_TYPING if channel.is_dm else Intent.GUILD_MESSAGE_TYPING
        if not intents & needed or event.user_id == self._world.bot.id:
            return None
        wire: JsonObject = {
            "channel_id": channel.id,
            "user_id": event.user_id,
            "timestamp": int(self._world.clock.now()),
        }
        guild = self._world.guilds.get(channel.guild_id or "")
        if guild is not None:
            wire |= {"guild_id": guild.id, "member": self._world.member_wire(guild, event.user_id)}
        return "TYPING_START", wire

    def _sees(self, channel: Channel | None) -> bool:
        return channel is not None and self._world.sees(self._world.bot.id, channel)
