/** Emoji in buttons, selects and reactions. */

import { h } from "./dom.js";

/** @param {{id?: ?string, name?: ?string}} emoji @returns {HTMLElement} a unicode emoji as itself, a custom one by its name */
export function emojiOf(emoji) {
  const text = emoji.id ? `:${emoji.name}:` : (emoji.name ?? "");
  return h(
    "span",
    { class: emoji.id ? "emoji emoji-custom" : "emoji", "aria-hidden": emoji.id ? null : "true" },
    text,
  );
}

/** @param {{id?: ?string, name: string}} emoji @returns {string} as the reaction routes take it */
export function emojiKey(emoji) {
  return emoji.id ? `${emoji.name}:${emoji.id}` : emoji.name;
}

/** The reactions the message menu offers. */
export const QUICK_REACTIONS = ["👍", "❤️", "😂", "🎨", "👀", "🔥"];
