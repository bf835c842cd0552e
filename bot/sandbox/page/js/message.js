/** One message, drawn as an article. */

import { messageMenu, userMenu } from "./actions.js";
import { messageComponents } from "./components.js";
import { h } from "./dom.js";
import { embedCard } from "./embeds.js";
import { emojiKey, emojiOf } from "./emoji.js";
import { COMPONENTS_V2, EPHEMERAL, hasFlag, LOADING, NO_EMBEDS } from "./flags.js";
import { icon } from "./icons.js";
import { markdown, plainText } from "./markdown.js";
import { attachmentList } from "./media.js";
import { avatar, botBadge, nameOf } from "./people.js";
import { dayAndTime, formatTime } from "./time.js";

/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./app.js").Page} Page */

const THREAD_CREATED = 18;
const PIN_ADDED = 6;

/**
 * @param {Message} message
 * @param {Page} page
 * @param {{compact: boolean}} how compact: without the author, under that author's message
 * @returns {HTMLElement}
 */
export function messageArticle(message, page, { compact }) {
  const mine = message.mentions?.some((user) => user.id === page.store.known.me.id);
  const at = Date.parse(message.timestamp);
  return h(
    "article",
    {
      class: "message",
      tabindex: -1,
      "aria-label": `${nameOf(message.author)}, ${dayAndTime(at)}`,
      dataset: {
        id: message.id,
        ...(compact ? { compact: "" } : {}),
        ...(mine ? { mentioned: "" } : {}),
        ...(hasFlag(message, EPHEMERAL) ? { ephemeral: "" } : {}),
      },
    },
    context(message, page),
    compact
      ? h(
          "time",
          { class: "message-gutter-time", datetime: message.timestamp, "aria-hidden": "true" },
          formatTime(at, "t"),
        )
      : face(message, page),
    h(
      "div",
      { class: "message-body" },
      compact ? null : header(message, page, at),
      body(message, page),
      reactions(message, page),
      footer(message, page),
    ),
    toolbar(message, page),
  );
}

/** The quiet line above: what was replied to, or which command was used. @param {Message} message @param {Page} page */
function context(message, page) {
  const used = message.interaction_metadata;
  if (used?.name && used.user && !message.referenced_message) {
    const name = used.command_type && used.command_type !== 1 ? used.name : `/${used.name}`;
    return h(
      "div",
      { class: "message-context" },
      avatar(used.user),
      h("span", { class: "context-name" }, nameOf(used.user)),
      " used ",
      h("span", { class: "context-command" }, name),
    );
  }
  if (!message.message_reference?.message_id || message.type === THREAD_CREATED) return null;
  const original = message.referenced_message;
  if (!original)
    return h(
      "div",
      { class: "message-context" },
      icon("reply"),
      h("i", null, "The original message was deleted."),
    );
  const preview =
    plainText(original.content, page.markdownContext(original.id)) || "Press to see what was sent";
  return h(
    "button",
    {
      type: "button",
      class: "message-context message-context-button",
      tabindex: -1,
      "aria-label": `In reply to ${nameOf(original.author)}: ${preview}`,
      onclick: () => page.showMessage(original.id),
    },
    avatar(original.author),
    h("span", { class: "context-name" }, nameOf(original.author)),
    h("span", { class: "context-preview" }, preview),
    original.attachments?.length ? icon("image") : null,
  );
}

/** @param {Message} message @param {Page} page */
function face(message, page) {
  const node = avatar(message.author);
  node.addEventListener("contextmenu", (event) => userMenu(page, message.author, event));
  return node;
}

/** @param {Message} message @param {Page} page @param {number} at */
function header(message, page, at) {
  return h(
    "header",
    { class: "message-header" },
    h(
      "span",
      {
        class: "message-author",
        dataset: { bot: String(Boolean(message.author.bot)) },
        oncontextmenu: (/** @type {MouseEvent} */ event) => userMenu(page, message.author, event),
      },
      nameOf(message.author),
    ),
    message.author.bot ? botBadge() : null,
    h(
      "time",
      { class: "message-time", datetime: message.timestamp, title: formatTime(at, "F") },
      dayAndTime(at),
    ),
    message.content ? null : editedMark(message),
  );
}

/** @param {Message} message @param {Page} page */
function body(message, page) {
  if (hasFlag(message, LOADING)) return thinking(`${nameOf(message.author)} is thinking…`);
  if (message.type === THREAD_CREATED)
    return h(
      "div",
      { class: "message-system" },
      icon("thread"),
      " started a thread: ",
      h("b", null, message.content),
    );
  if (message.type === PIN_ADDED) return h("div", { class: "message-system" }, "pinned a message.");
  const parts = [];
  if (message.content)
    parts.push(
      h(
        "div",
        { class: "message-content" },
        markdown(message.content, page.markdownContext(message.id)),
        message.edited_timestamp ? " " : null,
        editedMark(message),
      ),
    );
  if (!hasFlag(message, COMPONENTS_V2) && message.attachments?.length)
    parts.push(attachmentList(message.attachments, message.id, page));
  if (message.embeds?.length && !hasFlag(message, NO_EMBEDS))
    parts.push(
      ...message.embeds.map((embed, n) => embedCard(embed, `${message.id}:embed${n}`, page)),
    );
  if (message.components?.length) {
    parts.push(
      h(
        "div",
        { class: hasFlag(message, COMPONENTS_V2) ? "components components-v2" : "components" },
        messageComponents(message, page),
      ),
    );
  }
  return parts;
}

/** The three dots while an answer is on its way. @param {string} text */
export function thinking(text) {
  return h(
    "div",
    { class: "thinking", role: "status" },
    h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")),
    h("span", null, text),
  );
}

/** @param {Message} message */
function editedMark(message) {
  if (!message.edited_timestamp) return null;
  const at = Date.parse(message.edited_timestamp);
  return h("span", { class: "edited", title: formatTime(at, "F") }, "(edited)");
}

/** @param {Message} message @param {Page} page */
function reactions(message, page) {
  if (!message.reactions?.length) return null;
  return h(
    "div",
    { class: "reactions" },
    message.reactions.map(({ emoji, count, me }) =>
      h(
        "button",
        {
          type: "button",
          class: "reaction",
          "aria-pressed": String(Boolean(me)),
          "aria-label": `${emoji.name}, ${count}`,
          dataset: { focusKey: `reaction:${emoji.name}` },
          onclick: () =>
            page.attempt(page.api.react(message.channel_id, message.id, emojiKey(emoji), !me)),
        },
        emojiOf(emoji),
        h("span", null, String(count)),
      ),
    ),
  );
}

/** @param {Message} message @param {Page} page */
function footer(message, page) {
  if (!hasFlag(message, EPHEMERAL)) return null;
  return h(
    "div",
    { class: "message-private" },
    icon("eye"),
    h("span", null, "Only you can see this"),
    h("span", { "aria-hidden": "true" }, "·"),
    h(
      "button",
      {
        type: "button",
        class: "link-button",
        dataset: { focusKey: "dismiss" },
        onclick: () => page.dismiss(message),
      },
      "Dismiss",
    ),
  );
}

/** @param {Message} message @param {Page} page */
function toolbar(message, page) {
  const open = (/** @type {Event} */ event) =>
    messageMenu(page, message, { anchor: /** @type {Element} */ (event.currentTarget) });
  return h(
    "div",
    { class: "message-tools" },
    hasFlag(message, EPHEMERAL) || hasFlag(message, LOADING)
      ? null
      : h(
          "button",
          {
            type: "button",
            class: "tool",
            tabindex: -1,
            "aria-label": "Reply",
            title: "Reply",
            onclick: () => page.reply(message),
          },
          icon("reply"),
        ),
    h(
      "button",
      {
        type: "button",
        class: "tool",
        tabindex: -1,
        "aria-label": "More actions",
        title: "More",
        "aria-haspopup": "menu",
        onclick: open,
      },
      icon("more"),
    ),
  );
}
