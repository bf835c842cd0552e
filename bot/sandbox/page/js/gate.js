/** The one question before an age-restricted channel. */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { recall, remember } from "./memory.js";

/** @typedef {import("./app.js").Page} Page */

/** @param {Page} page @returns {boolean} whether the open channel still waits for the answer */
export function isGated(page) {
  const { store } = page;
  const channel = store.channel;
  const parent = channel?.parent_id ? store.findChannel(channel.parent_id) : null;
  return Boolean(channel?.nsfw || parent?.nsfw) && recall(keyFor(page)) !== "yes";
}

/** @param {Page} page @param {() => void} onEnter @returns {HTMLElement} */
export function gate(page, onEnter) {
  const channel = page.store.channel;
  return h(
    "section",
    {
      class: "gate",
      role: "alertdialog",
      "aria-labelledby": "gate-title",
      "aria-describedby": "gate-text",
    },
    h("span", { class: "gate-mark" }, icon("warning")),
    h("h2", { id: "gate-title" }, "Age-restricted channel"),
    h(
      "p",
      { id: "gate-text" },
      `You must be at least 18 to open #${channel?.name ?? ""}. It may show pictures that are not meant for everybody.`,
    ),
    h(
      "div",
      { class: "gate-actions" },
      h(
        "button",
        { type: "button", class: "button button-quiet", onclick: () => page.goHome() },
        "Go back",
      ),
      h(
        "button",
        {
          type: "button",
          class: "button button-primary",
          onclick: () => {
            remember(keyFor(page), "yes");
            onEnter();
          },
        },
        "I am 18 or older",
      ),
    ),
  );
}

/** @param {Page} page */
function keyFor(page) {
  return `sandbox.adult.${page.store.known.me.id}`;
}
