/** What can be done to a message or a person: the menus, and what their items do. */

import { usableCommands } from "./commands.js";
import { announce } from "./dom.js";
import { QUICK_REACTIONS } from "./emoji.js";
import { openMenu } from "./menu.js";
import { EPHEMERAL, hasFlag, LOADING } from "./flags.js";
import { openForm } from "./modal.js";
import { nameOf } from "./people.js";

/** @typedef {import("./app.js").Page} Page */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").User} User */
/** @typedef {{anchor?: Element, point?: {x: number, y: number}}} Where */

/** @param {Page} page @param {Message} message @param {Where} where */
export function messageMenu(page, message, where) {
  const { store, api } = page;
  const { me } = store.known;
  const settled = !hasFlag(message, EPHEMERAL) && !hasFlag(message, LOADING);
  const own = message.author.id === me.id;
  const apps = settled ? usableCommands(store, 3) : [];
  const quick = QUICK_REACTIONS.map((emoji) => ({
    label: `React with ${emoji}`,
    text: emoji,
    action: () => page.attempt(api.react(message.channel_id, message.id, emoji, true)),
  }));
  /** @type {(import("./menu.js").MenuItem|false)[]} */
  const items = [
    settled && { label: "React", strip: quick },
    settled && { label: "Reply", icon: "reply", action: () => page.reply(message) },
    own && settled && { label: "Edit", icon: "edit", action: () => editForm(page, message) },
    settled &&
      store.channel?.type === 0 && {
        label: "Create thread",
        icon: "thread",
        action: () => threadForm(page, message),
      },
    apps.length > 0 && { heading: "Apps" },
    ...apps.map((command) => ({
      label: command.name,
      icon: "apps",
      action: () => useContext(page, command, message.id),
    })),
    { line: true },
    Boolean(message.content) && {
      label: "Copy text",
      icon: "copy",
      action: () => copy(page, message.content, "The text is copied."),
    },
    {
      label: "Copy message ID",
      icon: "id",
      action: () => copy(page, message.id, "The ID is copied."),
    },
    {
      label: "Copy as JSON",
      icon: "code",
      action: () => copy(page, JSON.stringify(message, null, 2), "The message is copied as JSON."),
    },
    hasFlag(message, EPHEMERAL) && {
      label: "Dismiss",
      icon: "close",
      action: () => page.dismiss(message),
    },
    settled &&
      (own || me.is_admin === true) && {
        label: "Delete",
        icon: "trash",
        danger: true,
        action: () => page.attempt(api.remove(message.channel_id, message.id)),
      },
  ];
  openMenu(
    items.filter((item) => item !== false),
    { ...where, label: "Message actions" },
  );
}

/** @param {Page} page @param {User} user @param {MouseEvent} event */
export function userMenu(page, user, event) {
  event.preventDefault();
  event.stopPropagation();
  const apps = usableCommands(page.store, 2);
  /** @type {(import("./menu.js").MenuItem|false)[]} */
  const items = [
    { heading: nameOf(user) },
    ...apps.map((command) => ({
      label: command.name,
      icon: "apps",
      action: () => useContext(page, command, user.id),
    })),
    apps.length > 0 && { line: true },
    { label: "Copy user ID", icon: "id", action: () => copy(page, user.id, "The ID is copied.") },
  ];
  openMenu(
    items.filter((item) => item !== false),
    { point: { x: event.clientX, y: event.clientY }, label: nameOf(user) },
  );
}

/** @param {Page} page @param {import("./types.js").Command} command @param {string} targetId */
function useContext(page, command, targetId) {
  void page.interactions.command({
    channelId: page.store.channelId ?? "",
    command,
    label: command.name,
    targetId,
  });
}

/** @param {Page} page @param {Message} message */
function editForm(page, message) {
  openForm(page, {
    title: "Edit message",
    submitLabel: "Save",
    components: [
      {
        type: 18,
        label: "Message",
        component: {
          type: 4,
          custom_id: "content",
          style: 2,
          value: message.content,
          max_length: 2000,
          required: true,
        },
      },
    ],
    onSubmit: async ({ content }) => {
      await page.api.edit(message.channel_id, message.id, content);
    },
  });
}

/** @param {Page} page @param {Message} message */
function threadForm(page, message) {
  openForm(page, {
    title: "Create thread",
    submitLabel: "Create",
    components: [
      {
        type: 18,
        label: "Name",
        component: { type: 4, custom_id: "name", style: 1, max_length: 100, required: true },
      },
    ],
    onSubmit: async ({ name }) => {
      const thread = await page.api.createThread(message.channel_id, name, message.id);
      page.store.upsertChannel(thread);
      page.go(thread.id);
    },
  });
}

/** @param {Page} page @param {string} text @param {string} done */
function copy(page, text, done) {
  navigator.clipboard.writeText(text).then(
    () => {
      page.toast(done);
      announce(done);
    },
    () => page.toast("The browser did not allow copying."),
  );
}
