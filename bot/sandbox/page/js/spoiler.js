/** The cover over a picture, file or container that its author marked as a spoiler. */

import { h } from "./dom.js";

/**
 * @param {import("./store.js").Store} store
 * @param {string} key names what is covered, so that it stays open once opened
 * @param {Node} content
 * @returns {Node} the content itself if it has been opened before
 */
export function covered(store, key, content) {
  if (store.revealed.has(key)) return content;
  const inner = h("div", { class: "cover-content", inert: true }, content);
  const button = h(
    "button",
    { type: "button", class: "cover-button", "aria-label": "Spoiler, press to reveal" },
    h("span", { class: "cover-label" }, "Spoiler"),
  );
  const cover = h("div", { class: "cover" }, inner, button);
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    store.revealed.add(key);
    cover.dataset.open = "";
    inner.removeAttribute("inert");
    button.remove();
    /** @type {HTMLElement|null} */ (inner.querySelector("button, a"))?.focus();
  });
  return cover;
}
