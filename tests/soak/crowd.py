"""A thousand members who ask, press and cancel at random, and what Discord sees of it."""

from __future__ import annotations

import random
import re
from collections import deque

from bot.sandbox import Exchange, Sandbox, SeenMessage
from bot.sandbox.connection import ActionRefused
from bot.sandbox.errors import ApiError
from bot.sandbox.invocations import Actor
from bot.sandbox.wire import JsonObject, as_object, as_text
from tests.crash.books import Wish

_REMEMBERED = 100
_CALLBACK = re.compile(r"/interactions/(\d+)/[^/]+/callback")
_PROMPT = re.compile(r"wish \d+ of (\w+)")


class Crowd:
    """Acts for its members through the sandbox, and watches the bot's requests.

    ``sent`` and ``acknowledged`` are moments of the sandbox's clock, by interaction.
    """

    def __init__(self, sandbox: Sandbox, chance: random.Random) -> None:
        self._sandbox = sandbox
        self._chance = chance
        self._channel = sandbox.channel("general")
        self._users = {name: sandbox.world.user_named(name).id for name in sandbox.cast.people}
        self._results: deque[SeenMessage] = deque(maxlen=_REMEMBERED)
        self._unfinished: deque[SeenMessage] = deque(maxlen=_REMEMBERED)
        self.wishes: list[Wish] = []
        self.sent: dict[str, float] = {}
        self.acknowledged: dict[str, float] = {}
        sandbox.observers.append(self._see)

    def act(self) -> None:
        """One member does one thing: most ask for a picture, some go on from one, a few cancel."""
        name = self._chance.choice(list(self._users))
        kind = self._chance.random()
        if kind < 0.15 and self._results:
            self._press(name, self._chance.choice(self._results), "Again")
        elif kind < 0.20 and self._unfinished:
            message = self._chance.choice(self._unfinished)
            self._press(_owner(message), message, "Cancel")
        elif kind < 0.25:
            self._command(name, "queue", {})
        else:
            prompt = f"wish {len(self.wishes)} of {name}"
            options: JsonObject = {"prompt": prompt, "steps": self._chance.randint(1, 4)}
            self._wish(name, self._command(name, "imagine", options), prompt)

    def _command(self, name: str, command: str, options: JsonObject) -> str | None:
        leaves = [{"name": key, "value": value} for key, value in options.items()]
        return self._send(name, {"type": "command", "name": command, "options": [*leaves]})

    def _press(self, name: str, message: SeenMessage, label: str) -> None:
        if label not in message.button_labels:
            return
        body: JsonObject = {
            "type": "component",
            "message_id": message.id,
            "custom_id": as_text(message.component(label)["custom_id"]),
            "values": [],
        }
        interaction = self._send(name, body)
        found = _PROMPT.search(message.text)
        if label == "Again" and found is not None:
            self._wish(name, interaction, found.group())

    def _send(self, name: str, body: JsonObject) -> str | None:
        """The interaction's id; None where the message has changed and offers that no more."""
        user = self._users[name]
        actor = Actor(user_id=user, channel=self._channel, nonce="", names=body)
        invoked = self._sandbox.core.invocations
        do = invoked.command if body["type"] == "command" else invoked.component
        try:
            made = do(actor, body)
        except (ActionRefused, ApiError):
            return None
        self.sent[made.id] = self._sandbox.clock.now()
        return made.id

    def _wish(self, name: str, interaction: str | None, prompt: str) -> None:
        if interaction is not None:
            wish = Wish(interaction=interaction, owner=self._users[name], prompt=prompt)
            self.wishes.append(wish)

    def _see(self, exchange: Exchange) -> None:
        callback = _CALLBACK.search(exchange.path)
        if callback is not None:
            self.acknowledged.setdefault(callback[1], exchange.at)
        elif isinstance(exchange.answer, dict) and "components" in exchange.answer:
            message = SeenMessage(as_object(exchange.answer))
            if "Cancel" in message.button_labels:
                self._unfinished.append(message)
            elif "Again" in message.button_labels:
                self._results.append(message)


def _owner(message: SeenMessage) -> str:
    found = _PROMPT.search(message.text)
    return "" if found is None else found[1]
