"""Interactions: one acknowledgement within three seconds, a token for fifteen minutes."""

from __future__ import annotations

from bot.sandbox import rights
from bot.sandbox.cdn import Upload
from bot.sandbox.draft import Draft, DraftContext, Origin
from bot.sandbox.errors import ApiError, Code, invalid
from bot.sandbox.events import InteractionState, ProgressEvent
from bot.sandbox.form import Form
from bot.sandbox.interaction import AnswerType, Interaction, InteractionType
from bot.sandbox.message import Flag, Message, MessageType
from bot.sandbox.messages import InteractionMark, Messages, edit_context
from bot.sandbox.modal_components import check_modal
from bot.sandbox.wire import Json, JsonObject, as_int, as_object
from bot.sandbox.world import World

ANSWER_SECONDS = 3.0
TOKEN_SECONDS = 15 * 60.0
NO_ANSWER = "The application did not respond"


_ANSWERS = {
    InteractionType.COMMAND: {
        AnswerType.MESSAGE,
        AnswerType.DEFERRED_MESSAGE,
        AnswerType.MODAL,
    },
    InteractionType.COMPONENT: set(AnswerType) - {AnswerType.CHOICES},
    InteractionType.AUTOCOMPLETE: {AnswerType.CHOICES},
    InteractionType.MODAL: {AnswerType.MESSAGE, AnswerType.DEFERRED_MESSAGE},
}
_UPDATES = {AnswerType.DEFERRED_UPDATE, AnswerType.UPDATE}


class Interactions:
    """All interactions, and the bot's side of them: callbacks and the webhook of each token."""

    def __init__(self, world: World, messages: Messages) -> None:
        self._world = world
        self._messages = messages
        self._by_id: dict[str, Interaction] = {}
        self._by_token: dict[str, Interaction] = {}

    def get(self, interaction_id: str) -> Interaction:
        """Return an interaction, or raise 10062."""
        if interaction_id not in self._by_id:
            raise ApiError.of(Code.UNKNOWN_INTERACTION)
        return self._by_id[interaction_id]

    def start(self, interaction: Interaction) -> None:
        """Begin the three seconds within which the bot must answer, and the fifteen minutes."""
        self._by_id[interaction.id] = interaction
        self._by_token[interaction.token] = interaction
        clock = self._world.clock
        interaction.deadline = clock.call_later(ANSWER_SECONDS, lambda: self._too_late(interaction))
        self.tell(interaction, "sent")

    def tell(
        self,
        interaction: Interaction,
        state: InteractionState,
        message: Message | None = None,
        **detail: Json,
    ) -> None:
        """Let the member who began the interaction know how it stands."""
        self._world.bus.publish(
            ProgressEvent(
                user_id=interaction.user_id,
                interaction_id=interaction.id,
                nonce=interaction.nonce,
                state=state,
                message=message,
                detail=detail,
            )
        )

    # -- the first answer ----------------------------------------------------------------------

    def acknowledge(
        self, interaction_id: str, token: str, body: JsonObject, uploads: list[Upload]
    ) -> Interaction:
        """Take the bot's first answer.

        Raises 10062 when it is unknown or too late, 40060 when it is the second, 50035 when it is
        not of a kind that fits.
        """
        interaction = self._by_id.get(interaction_id)
        if interaction is None or interaction.token != token or interaction.failed:
            raise ApiError.of(Code.UNKNOWN_INTERACTION)
        if interaction.acknowledged:
            raise ApiError.of(Code.ALREADY_ACKNOWLEDGED)
        answer = _answer_type(interaction, body)
        data = as_object(body.get("data"))
        if answer is AnswerType.MESSAGE:
            self._answer_message(interaction, data, uploads)
        elif answer is AnswerType.DEFERRED_MESSAGE:
            self._defer_message(interaction, data)
        elif answer is AnswerType.UPDATE:
            self._update_source(interaction, data, uploads)
        elif answer is AnswerType.CHOICES:
            self._close(interaction, answer)
            self.tell(interaction, "autocomplete", choices=_choices(data))
        elif answer is AnswerType.MODAL:
            interaction.modal = _modal(data)
            self._close(interaction, answer)
            self.tell(interaction, "modal", modal=interaction.modal)
        else:
            interaction.original = interaction.source
            self._close(interaction, answer)
            self.tell(interaction, "deferred")
        return interaction

    def callback_wire(self, interaction: Interaction) -> JsonObject:
        """Return what `with_response` answers to the callback."""
        inner: JsonObject = {"id": interaction.id, "type": int(interaction.type)}
        message = interaction.original
        if message is not None:
            inner |= {
                "response_message_id": message.id,
                "response_message_loading": message.is_loading,
                "response_message_ephemeral": message.ephemeral_to is not None,
            }
        wire: JsonObject = {"interaction": inner}
        if message is not None and interaction.answer in {AnswerType.MESSAGE, AnswerType.UPDATE}:
            wire["resource"] = {
                "type": int(interaction.answer),
                "message": self._messages.writer.write(message, viewer_id=self._world.bot.id),
            }
        return wire

    def _answer_message(
        self, interaction: Interaction, data: JsonObject, uploads: list[Upload]
    ) -> None:
        draft = self._draft(interaction, data, uploads)
        message = self._messages.create(
            interaction.channel, self._world.bot.id, draft, mark=self._mark(interaction, draft)
        )
        interaction.original = message
        self._close(interaction, AnswerType.MESSAGE)
        self.tell(interaction, "answered", message)

    def _defer_message(self, interaction: Interaction, data: JsonObject) -> None:
        flags = Flag(as_int(data.get("flags")))
        if flags & ~Flag.EPHEMERAL:
            raise invalid(
                ("data", "flags"),
                "INTERACTION_DEFERRED_FLAGS_INVALID",
                "A deferred response may only set the EPHEMERAL flag",
            )
        draft = Draft(flags=flags)
        interaction.original = self._messages.create(
            interaction.channel,
            self._world.bot.id,
            draft,
            mark=self._mark(interaction, draft),
            loading=True,
        )
        self._close(interaction, AnswerType.DEFERRED_MESSAGE)
        self.tell(interaction, "deferred", interaction.original)
        self._world.clock.call_later(
            interaction.created_at + TOKEN_SECONDS - self._world.clock.now(),
            lambda: self._never_finished(interaction),
        )

    def _update_source(
        self, interaction: Interaction, data: JsonObject, uploads: list[Upload]
    ) -> None:
        source = interaction.source
        if source is None or source.deleted:
            raise ApiError.of(Code.UNKNOWN_MESSAGE)
        self._edit(interaction, source, data, uploads)
        interaction.original = source
        self._close(interaction, AnswerType.UPDATE)
        self.tell(interaction, "answered", source)

    def _close(self, interaction: Interaction, answer: AnswerType) -> None:
        interaction.answer = answer
        interaction.answered_at = self._world.clock.now()
        if interaction.deadline is not None:
            interaction.deadline.cancel()

    def _too_late(self, interaction: Interaction) -> None:
        if not interaction.acknowledged:
            interaction.failed = True
            self.tell(interaction, "failed", error=NO_ANSWER)

    def _never_finished(self, interaction: Interaction) -> None:
        message = interaction.original
        if message is not None and message.is_loading and not message.deleted:
            self.tell(interaction, "failed", message, error=NO_ANSWER)

    # -- the token's webhook -------------------------------------------------------------------

    def by_token(self, application_id: str, token: str) -> Interaction:
        """Return the interaction whose token still works.

        Raises 10015 for an unknown token or before the first answer, 50027 after fifteen minutes.
        """
        interaction = self._by_token.get(token)
        if interaction is None or application_id != self._world.application_id:
            raise ApiError.of(Code.UNKNOWN_WEBHOOK)
        if self._world.clock.now() - interaction.created_at >= TOKEN_SECONDS:
            raise ApiError.of(Code.INVALID_WEBHOOK_TOKEN)
        if not interaction.acknowledged:
            raise ApiError.of(Code.UNKNOWN_WEBHOOK)
        return interaction

    def message_of(self, interaction: Interaction, message_id: str) -> Message:
        """Return a message that this token may touch, or raise 10008."""
        mine = [interaction.original, interaction.source, *interaction.followups]
        for message in mine:
            wanted = message_id == "@original" and message is interaction.original
            if message is not None and not message.deleted and (wanted or message.id == message_id):
                return message
        raise ApiError.of(Code.UNKNOWN_MESSAGE)

    def edit(
        self, interaction: Interaction, message: Message, data: JsonObject, uploads: list[Upload]
    ) -> Message:
        """Edit one of the token's messages; the first edit of a deferral is its answer."""
        was_loading = message.is_loading
        self._edit(interaction, message, data, uploads)
        if was_loading:
            self.tell(interaction, "answered", message)
        return message

    def follow_up(
        self, interaction: Interaction, data: JsonObject, uploads: list[Upload]
    ) -> Message:
        """Send a further message. The first after a deferral takes the loading message's place."""
        original = interaction.original
        if original is not None and original.is_loading and not original.deleted:
            return self.edit(interaction, original, data, uploads)
        draft = self._draft(interaction, data, uploads)
        message = self._messages.create(
            interaction.channel,
            self._world.bot.id,
            draft,
            mark=self._mark(interaction, draft, follow_up=True),
        )
        interaction.followups.append(message)
        return message

    def delete(self, message: Message) -> None:
        """Delete one of the token's messages."""
        self._messages.delete(message)

    # -- inside --------------------------------------------------------------------------------

    def _draft(self, interaction: Interaction, data: JsonObject, uploads: list[Upload]) -> Draft:
        flags = data.get("flags")
        context = DraftContext(
            channel_id=interaction.channel.id,
            origin=Origin.INTERACTION,
            file_size_limit=interaction.file_size_limit,
            ephemeral=isinstance(flags, int) and bool(flags & Flag.EPHEMERAL),
        )
        self._require_channel(interaction)
        draft = self._messages.drafter.read(data, uploads, context)
        rights.require_answer(self._world, interaction.channel, self._world.bot.id, draft)
        return draft

    def _edit(
        self, interaction: Interaction, message: Message, data: JsonObject, uploads: list[Upload]
    ) -> None:
        self._require_channel(interaction)
        context = edit_context(message, interaction.file_size_limit)
        draft = self._messages.drafter.read(data, uploads, context)
        rights.require_answer(self._world, interaction.channel, self._world.bot.id, draft)
        self._messages.edit(message, draft)

    def _require_channel(self, interaction: Interaction) -> None:
        self._world.channel(interaction.channel.id)

    def _mark(
        self, interaction: Interaction, draft: Draft, *, follow_up: bool = False
    ) -> InteractionMark:
        ephemeral = bool((draft.flags or Flag(0)) & Flag.EPHEMERAL)
        metadata = interaction.metadata
        if follow_up and interaction.original is not None:
            metadata = metadata | {"original_response_message_id": interaction.original.id}
        return InteractionMark(
            application_id=self._world.application_id,
            metadata=metadata,
            type=MessageType.DEFAULT if follow_up else _message_type(interaction),
            name=interaction.command_name,
            ephemeral_to=interaction.user_id if ephemeral else None,
        )


def _message_type(interaction: Interaction) -> MessageType:
    if interaction.type is not InteractionType.COMMAND:
        return MessageType.DEFAULT
    if interaction.command_type == 1:
        return MessageType.CHAT_INPUT_COMMAND
    return MessageType.CONTEXT_MENU_COMMAND


def _answer_type(interaction: Interaction, body: JsonObject) -> AnswerType:
    form = Form(body)
    allowed = set(_ANSWERS[interaction.type])
    if interaction.source is not None:
        allowed |= _UPDATES
    number = form.one_of("type", frozenset(map(int, allowed)), required=True)
    form.errors.raise_if_any()
    return AnswerType(number or 0)


def _modal(data: JsonObject) -> JsonObject:
    form = Form(data, path=("data",))
    modal = check_modal(form)
    form.errors.raise_if_any()
    return modal


def _choices(data: JsonObject) -> list[Json]:
    form = Form(data, path=("data",))
    kept: list[Json] = []
    for item in form.children("choices", high=25):
        name = item.text("name", low=1, high=100, required=True)
        value = item.data.get("value")
        if isinstance(value, str):
            item.text("value", high=100, required=True)
        kept.append({"name": name, "value": value})
    form.errors.raise_if_any()
    return kept
