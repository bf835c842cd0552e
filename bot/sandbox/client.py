"""A member at the keyboard: drives the page API from Python, as tests and demos do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from bot.sandbox.connection import Connection
from bot.sandbox.parts import FileLike, LocalFile, Parts
from bot.sandbox.seen import SeenFile, SeenMessage, SeenModal
from bot.sandbox.use import Use
from bot.sandbox.wire import Json, JsonObject, as_list, as_object, as_objects, as_text

OptionValue: TypeAlias = "str | int | float | bool | LocalFile | bytes | Path | Member"
FieldValue: TypeAlias = "str | bool | Sequence[str] | Sequence[FileLike] | None"


class Member(Connection):
    """A person, connected to the sandbox's page API. The first action connects.

    `channel` parameters take a channel's name, its id, or "dm"; left out, the first text channel.
    Values of attachment options and files may be bytes, a path or a `LocalFile`.
    """

    def __init__(self, page_url: str, user_id: str, name: str) -> None:
        super().__init__(page_url, user_id, name)
        self.name = name
        self._uses: dict[str, Use] = {}
        self._count = 0

    # -- commands ------------------------------------------------------------------------------

    async def slash(
        self,
        command: str,
        /,
        *,
        channel: str | None = None,
        attachment_size_limit: int | None = None,
        **options: OptionValue,
    ) -> Use:
        """Use a slash command; subcommands by their full name, as in "settings show"."""
        parts = Parts()
        body = await self._command_body(command, channel, options, parts)
        if attachment_size_limit is not None:
            body["attachment_size_limit"] = attachment_size_limit
        return await self._interact(body | {"type": "command"}, parts)

    async def autocomplete(
        self,
        command: str,
        /,
        *,
        typing: str,
        text: str = "",
        channel: str | None = None,
        **options: OptionValue,
    ) -> list[JsonObject]:
        """Return the suggestions, `{"name", "value"}`, for `text` in the option `typing`."""
        body = await self._command_body(command, channel, options | {typing: text}, Parts())
        body["options"] = _focus(as_objects(body["options"]), typing)
        use = await self._interact(body | {"type": "autocomplete"}, Parts())
        await use.acknowledged()
        return use.choices or []

    async def context_menu(
        self, target: SeenMessage | Member, command: str, /, *, channel: str | None = None
    ) -> Use:
        """Use a message or user command on its target."""
        on_message = isinstance(target, SeenMessage)
        place = target.channel_id if isinstance(target, SeenMessage) else channel
        body: JsonObject = {
            "type": "command",
            "command_type": 3 if on_message else 2,
            "name": command,
            "target_id": target.id,
            "channel_id": await self.channel_id(place),
        }
        return await self._interact(body, Parts())

    async def commands(self, channel: str | None = None) -> list[JsonObject]:
        """Return the commands offered in a channel, or anywhere."""
        state = await self.refresh()
        found = as_objects(state.get("commands"))
        if channel is None:
            return found
        place = await self.channel_id(channel)
        return [item for item in found if place in as_list(item["channel_ids"])]

    # -- components ----------------------------------------------------------------------------

    async def press(self, message: SeenMessage, button: str) -> Use:
        """Press the button of that custom_id, label or emoji."""
        return await self._component(message, as_text(message.component(button)["custom_id"]), [])

    async def select(self, message: SeenMessage, menu: str, values: Sequence[str]) -> Use:
        """Choose values (or ids) in the select of that custom_id or placeholder."""
        return await self._component(message, as_text(message.component(menu)["custom_id"]), values)

    async def forge(self, message: SeenMessage, custom_id: str) -> Use:
        """Send a component interaction that the message does not offer, as an attacker would."""
        return await self._component(message, custom_id, [], forged=True)

    async def submit(self, opener: Use, /, **fields: FieldValue) -> Use:
        """Fill in and send the form that `opener` was answered with.

        Fields go by custom_id or by label; labels that are no Python names: `submit(use,
        **{"Your prompt": "…"})`. File uploads take a list of files.
        """
        modal = await opener.form()
        parts = Parts()
        values = {
            modal.field_id(name): await _field(value, parts) for name, value in fields.items()
        }
        body: JsonObject = {
            "type": "modal",
            "interaction_id": opener.id,
            "channel_id": opener.channel_id,
            "fields": values,
        }
        return await self._interact(body, parts)

    # -- messages ------------------------------------------------------------------------------

    async def send(
        self,
        content: str = "",
        *,
        channel: str | None = None,
        files: Sequence[FileLike] = (),
        reply_to: str | None = None,
    ) -> SeenMessage:
        """Send a message."""
        parts = Parts()
        for file in files:
            await parts.add(file)
        body: JsonObject = {"channel_id": await self.channel_id(channel), "content": content}
        if reply_to is not None:
            body["reply_to"] = reply_to
        return SeenMessage(as_object(await self.call("POST", "/messages", body, parts)))

    async def reply(
        self, message: SeenMessage, content: str = "", *, files: Sequence[FileLike] = ()
    ) -> SeenMessage:
        """Reply to a message."""
        return await self.send(
            content, channel=message.channel_id, files=files, reply_to=message.id
        )

    async def react(self, message: SeenMessage, emoji: str) -> None:
        """Put a reaction on a message."""
        path = f"/messages/{message.channel_id}/{message.id}/reactions/{quote(emoji)}"
        await self.call("PUT", f"{path}?user={self.id}")

    async def unreact(self, message: SeenMessage, emoji: str) -> None:
        """Take one's reaction off."""
        path = f"/messages/{message.channel_id}/{message.id}/reactions/{quote(emoji)}"
        await self.call("DELETE", f"{path}?user={self.id}")

    async def delete(self, message: SeenMessage) -> None:
        """Delete a message, or dismiss an ephemeral one."""
        await self.call("DELETE", f"/messages/{message.channel_id}/{message.id}?user={self.id}")

    async def messages(self, channel: str | None = None, *, limit: int = 50) -> list[SeenMessage]:
        """Return a channel's messages as this member sees them, oldest first."""
        place = await self.channel_id(channel)
        found = await self.call("GET", f"/channels/{place}/messages?user={self.id}&limit={limit}")
        return [SeenMessage(item) for item in as_objects(found)]

    async def download(self, file: SeenFile | str) -> bytes:
        """Fetch a file, or a picture by its URL."""
        await self.connect()
        url = file if isinstance(file, str) else file.url
        async with self.http.get(url) as response:
            response.raise_for_status()
            return await response.read()

    # -- waiting -------------------------------------------------------------------------------

    async def wait_for_bot(self) -> None:
        """Wait until the bot is online and has registered a command."""
        await self.connect()
        await self.until(
            lambda: (
                as_object(self.state["bot"]).get("online") is True
                and bool(as_list(self.state["commands"]))
            )
        )

    async def refresh(self) -> JsonObject:
        """Fetch and return the whole state."""
        await self.connect()
        self.state = as_object(await self.call("GET", f"/state?user={self.id}"))
        return self.state

    async def channel_id(self, channel: str | None) -> str:
        """Return the id of a channel given by name, id or "dm"."""
        state = await self.refresh()
        for item in as_objects(state["channels"]):
            if channel == "dm":
                if item["type"] == 1:
                    return as_text(item["id"])
            elif channel is None or channel.lstrip("#") in {item.get("name"), item["id"]}:
                return as_text(item["id"])
        # An unknown one is sent as it is: the sandbox answers as Discord would.
        return channel or ""

    # -- inside --------------------------------------------------------------------------------

    async def _command_body(
        self,
        command: str,
        channel: str | None,
        options: Mapping[str, OptionValue],
        parts: Parts,
    ) -> JsonObject:
        place = await self.channel_id(channel)
        name, *below = command.split(" ")
        leaves: list[Json] = [
            {"name": key, "value": await _option(value, parts)} for key, value in options.items()
        ]
        for kind, step in zip((1, 2), reversed(below), strict=False):
            leaves = [{"name": step, "type": kind, "options": leaves}]
        return {"channel_id": place, "name": name, "options": leaves}

    async def _component(
        self,
        message: SeenMessage,
        custom_id: str,
        values: Sequence[str],
        *,
        forged: bool = False,
    ) -> Use:
        body: JsonObject = {
            "type": "component",
            "channel_id": message.channel_id,
            "message_id": message.id,
            "custom_id": custom_id,
            "values": [*values],
        }
        return await self._interact(body | ({"forged": True} if forged else {}), Parts())

    async def _interact(self, body: JsonObject, parts: Parts) -> Use:
        await self.connect()
        self._count += 1
        use = Use(self, f"{self.name}-{self._count}", as_text(body["channel_id"]))
        self._uses[use.nonce] = use
        sent = body | {"nonce": use.nonce}
        answer = as_object(await self.call("POST", "/interactions", sent, parts))
        use.id = as_text(answer["id"])
        return use

    def progress(self, data: JsonObject) -> None:
        """How one of this member's interactions stands now."""
        use = self._uses.get(as_text(data["nonce"]))
        if use is None:
            return
        use.states.append(as_text(data["state"]))
        if data.get("modal") is not None:
            use.modal = SeenModal(as_object(data["modal"]))
        if data.get("choices") is not None:
            use.choices = as_objects(data["choices"])
        if data.get("error") is not None:
            use.error = as_text(data["error"])
        if data.get("message") is not None:
            message = SeenMessage(as_object(data["message"]))
            use.message_id = message.id
            self.seen[message.id] = message


async def _option(value: OptionValue, parts: Parts) -> Json:
    if isinstance(value, Member):
        return value.id
    if isinstance(value, LocalFile | bytes | Path):
        return await parts.add(value)
    return value


async def _field(value: FieldValue, parts: Parts) -> Json:
    if value is None or isinstance(value, str | bool):
        return value
    return [item if isinstance(item, str) else await parts.add(item) for item in value]


def _focus(options: list[JsonObject], typing: str) -> list[Json]:
    marked: list[Json] = []
    for option in options:
        if "options" in option:
            marked.append(option | {"options": _focus(as_objects(option["options"]), typing)})
        else:
            marked.append(option | ({"focused": True} if option["name"] == typing else {}))
    return marked
