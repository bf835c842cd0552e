"""A message on its way in: the checked body of a request that creates or edits one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bot.sandbox.cdn import Attachment, Cdn, Upload
from bot.sandbox.embeds import check_embeds
from bot.sandbox.errors import ApiError, Code
from bot.sandbox.form import Form
from bot.sandbox.mentions import AllowedMentions, check_allowed_mentions
from bot.sandbox.message import Flag
from bot.sandbox.message_components import MediaResolver, check_message
from bot.sandbox.wire import JsonObject

_CONTENT_LIMIT = 2000
_MOST_ATTACHMENTS = 10


class Origin(Enum):
    """By which door a body comes; Discord's rules differ a little between them."""

    CHANNEL = Flag.SUPPRESS_EMBEDS | Flag.SUPPRESS_NOTIFICATIONS | Flag.COMPONENTS_V2
    INTERACTION = CHANNEL | Flag.EPHEMERAL
    EDIT = Flag.SUPPRESS_EMBEDS | Flag.COMPONENTS_V2

    @property
    def flags(self) -> Flag:
        """The message flags that a request may set here."""
        return Flag(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftContext:
    """Where a message is to go, and what it may use of an earlier version of itself."""

    channel_id: str
    origin: Origin
    file_size_limit: int
    ephemeral: bool = False
    was_v2: bool = False
    existing: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A checked body. None means that the request said nothing about that part."""

    content: str | None = None
    embeds: list[JsonObject] | None = None
    components: list[JsonObject] | None = None
    attachments: list[Attachment] | None = None
    flags: Flag | None = None
    allowed_mentions: AllowedMentions | None = None
    reply_to: str | None = None
    reply_channel: str | None = None
    reply_must_exist: bool = True
    nonce: str | None = None
    enforce_nonce: bool = False
    tts: bool = False
    uploaded: int = field(default=0)


class Drafter:
    """Checks bodies. Files are stored as they pass, and forgotten if the body is refused."""

    def __init__(self, cdn: Cdn) -> None:
        self._cdn = cdn

    def read(self, data: JsonObject, uploads: list[Upload], context: DraftContext) -> Draft:
        """Return the draft; raises `ApiError` 50035 for a bad form, 40005 for a file too large."""
        if any(len(upload.data) > context.file_size_limit for upload in uploads):
            raise ApiError.of(Code.TOO_LARGE)
        form = Form(data)
        stored: list[Attachment] = []
        try:
            attachments = self._attachments(form, uploads, context, stored)
            draft = self._fields(form, context, attachments, len(uploads))
            form.errors.raise_if_any()
        except ApiError:
            for attachment in stored:
                self._cdn.discard(attachment)
            raise
        return draft

    def _fields(
        self,
        form: Form,
        context: DraftContext,
        attachments: list[Attachment] | None,
        uploaded: int,
    ) -> Draft:
        flags = _flags(form, context)
        v2 = context.was_v2 or bool((flags or Flag(0)) & Flag.COMPONENTS_V2)
        if v2:
            _refuse_legacy(form)
        usable = list(context.existing) if attachments is None else attachments

        def media(url: str) -> str | None:
            return self._media(url, usable)

        reference = form.child("message_reference")
        return Draft(
            content=_content(form),
            embeds=check_embeds(form, media=media) if "embeds" in form else None,
            components=_components(form, v2=v2, media=media),
            attachments=attachments,
            flags=flags,
            allowed_mentions=check_allowed_mentions(form),
            reply_to=None if reference is None else reference.snowflake("message_id"),
            reply_channel=None if reference is None else reference.snowflake("channel_id"),
            reply_must_exist=reference is None
            or reference.data.get("fail_if_not_exists") is not False,
            nonce=form.text("nonce", high=25),
            enforce_nonce=form.flag("enforce_nonce"),
            tts=form.flag("tts"),
            uploaded=uploaded,
        )

    def _attachments(
        self,
        form: Form,
        uploads: list[Upload],
        context: DraftContext,
        stored: list[Attachment],
    ) -> list[Attachment] | None:
        if "attachments" not in form and not uploads:
            return None
        waiting = {upload.index: upload for upload in uploads}
        existing = {item.id: item for item in context.existing}
        kept: list[Attachment] = []
        for item in form.children("attachments", high=_MOST_ATTACHMENTS):
            found = item.snowflake("id", required=True) or ""
            name = item.text("filename", low=1, high=1024)
            description = item.text("description", high=1024)
            if found in existing:
                kept.append(existing[found])
                if "description" in item:
                    existing[found].description = description
            elif found.isdigit() and int(found) in waiting:
                upload = waiting.pop(int(found))
                stored.append(self._store(upload, context, name, description))
                kept.append(stored[-1])
            else:
                item.fail("id", "ATTACHMENT_NOT_FOUND", f"Attachment {found} could not be found.")
        if "attachments" not in form:
            kept = list(context.existing)
        for upload in waiting.values():
            stored.append(self._store(upload, context, None, None))
            kept.append(stored[-1])
        if len(kept) > _MOST_ATTACHMENTS:
            form.fail("attachments", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
        return kept

    def _store(
        self, upload: Upload, context: DraftContext, name: str | None, description: str | None
    ) -> Attachment:
        return self._cdn.store(
            upload,
            channel_id=context.channel_id,
            filename=name,
            description=description,
            ephemeral=context.ephemeral,
        )

    def _media(self, url: str, usable: list[Attachment]) -> str | None:
        if url.startswith("attachment://"):
            name = url.removeprefix("attachment://")
            return next((item.reference for item in usable if item.filename == name), None)
        own = self._cdn.find_url(url)
        return url if own is None else own.reference


def _content(form: Form) -> str | None:
    if "content" not in form:
        return None
    return form.text("content", high=_CONTENT_LIMIT) or ""


def _components(form: Form, *, v2: bool, media: MediaResolver) -> list[JsonObject] | None:
    if "components" not in form:
        return None
    return check_message(form, v2=v2, media=media)


def _flags(form: Form, context: DraftContext) -> Flag | None:
    number = form.integer("flags", low=0)
    if number is None:
        return None
    # Discord ignores bits that a request may not set, so that clients can echo what they read.
    return Flag(number & int(context.origin.flags))


def _refuse_legacy(form: Form) -> None:
    for key in ("content", "embeds", "sticker_ids", "poll"):
        if form.data.get(key):
            form.fail(
                key,
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
            )
