"""REST: answering interactions, and the webhook behind each interaction's token."""

from __future__ import annotations

from bot.sandbox.core import Core
from bot.sandbox.interaction import Interaction
from bot.sandbox.message import Message
from bot.sandbox.rest import NOTHING, Answer, Call, Route
from bot.sandbox.wire import JsonObject

_WEBHOOK = "/webhooks/{application}/{token}"


class InteractionRoutes:
    """Handlers by route. None needs the bot's token: the interaction's is in the path."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[Route]:
        """Return the table."""
        message = _WEBHOOK + "/messages/{message}"
        return [
            Route("POST", "/interactions/{interaction}/{token}/callback", self._callback, True),
            Route("POST", _WEBHOOK, self._follow_up, True),
            Route("GET", message, self._get, True),
            Route("PATCH", message, self._edit, True),
            Route("DELETE", message, self._delete, True),
        ]

    def _callback(self, call: Call) -> Answer:
        interactions = self._core.interactions
        interaction = interactions.acknowledge(
            call.path["interaction"], call.path["token"], call.data, call.uploads
        )
        if not call.flag("with_response"):
            return NOTHING
        return Answer(body=interactions.callback_wire(interaction))

    def _follow_up(self, call: Call) -> Answer:
        interaction = self._interaction(call)
        message = self._core.interactions.follow_up(interaction, call.data, call.uploads)
        return Answer(body=self._wire(message))

    def _get(self, call: Call) -> Answer:
        return Answer(body=self._wire(self._message(call, self._interaction(call))))

    def _edit(self, call: Call) -> Answer:
        interaction = self._interaction(call)
        message = self._message(call, interaction)
        self._core.interactions.edit(interaction, message, call.data, call.uploads)
        return Answer(body=self._wire(message))

    def _delete(self, call: Call) -> Answer:
        self._core.interactions.delete(self._message(call, self._interaction(call)))
        return NOTHING

    def _interaction(self, call: Call) -> Interaction:
        return self._core.interactions.by_token(call.path["application"], call.path["token"])

    def _message(self, call: Call, interaction: Interaction) -> Message:
        return self._core.interactions.message_of(interaction, call.path["message"])

    def _wire(self, message: Message) -> JsonObject:
        writer = self._core.messages.writer
        return writer.write(message, viewer_id=self._core.world.bot.id)
