/** What stands at the top of a channel; in an empty one, an invitation to try something. */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { avatar, nameOf } from "./people.js";
import { callableCommands } from "./commands.js";

/** @typedef {import("./app.js").Page} Page */
/** @typedef {import("./types.js").Suggestion} Suggestion */

const OFFERED = 4;

/**
 * @param {Page} page
 * @param {boolean} empty whether the channel has no message yet
 * @returns {HTMLElement}
 */
export function welcome(page, empty) {
  const { store } = page;
  const channel = store.channel;
  if (!channel) return h("div");
  const bot = store.known.bot.user;
  const text = store.known.welcome;
  const isDm = channel.type === 1;
  const name = isDm ? nameOf(bot) : `#${channel.name}`;
  const own = empty && text?.title ? text.title : isDm ? nameOf(bot) : `Welcome to ${name}`;
  return h(
    "section",
    { class: "welcome", dataset: empty ? { empty: "" } : {} },
    isDm
      ? avatar(bot)
      : h("span", { class: "welcome-mark" }, icon(channel.type === 0 ? "hash" : "thread")),
    h("h2", { class: "welcome-title" }, own),
    h(
      "p",
      { class: "welcome-text" },
      empty
        ? (text?.text ?? hint(page))
        : `This is the beginning of ${isDm ? "your messages with" : ""} ${name}.`.replace(
            "  ",
            " ",
          ),
    ),
    empty ? invitations(page) : null,
  );
}

/** @param {Page} page */
function hint(page) {
  const [first] = inviting(page);
  if (!first) return `${nameOf(page.store.known.bot.user)} has registered no commands here yet.`;
  return `Type /${first.name} to begin, or choose one of these.`;
}

/** The commands worth showing first: those that take words of one's own, and are not for admins alone. @param {Page} page */
function inviting(page) {
  const { store } = page;
  const order = new Map(store.known.commands.map((command, n) => [command.id, n]));
  const rank = (/** @type {import("./commands.js").Callable} */ entry) =>
    (entry.options.some((option) => option.required && option.type === 3) ? 0 : 1) +
    (entry.command.default_member_permissions ? 2 : 0);
  return callableCommands(store).sort(
    (a, b) => rank(a) - rank(b) || (order.get(a.command.id) ?? 0) - (order.get(b.command.id) ?? 0),
  );
}

/** @param {Page} page */
function invitations(page) {
  const entries = callableCommands(page.store);
  const listed = (page.store.known.welcome?.suggestions ?? []).filter((one) =>
    entries.some((entry) => entry.name === one.command),
  );
  if (listed.length)
    return h(
      "div",
      { class: "suggestions", role: "group", "aria-label": "Things to try" },
      listed.map((one) => chip(page, one)),
    );
  return h(
    "ul",
    { class: "invitations" },
    inviting(page)
      .slice(0, OFFERED)
      .map((entry) =>
        h(
          "li",
          null,
          h(
            "button",
            {
              type: "button",
              class: "invitation",
              onclick: () => page.composer.fillCommand(entry.name, {}),
            },
            h("b", null, `/${entry.name}`),
            h("span", null, entry.description),
            icon("right"),
          ),
        ),
      ),
  );
}

/** @param {Page} page @param {Suggestion} one */
function chip(page, one) {
  return h(
    "button",
    {
      type: "button",
      class: "suggestion",
      onclick: () => page.composer.fillCommand(one.command, one.options ?? {}),
    },
    icon("slash"),
    h("span", null, one.label.replace(/^\//, "")),
  );
}
