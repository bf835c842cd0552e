/** Short notices at the edge of the page. */

import { h } from "./dom.js";

const SHOWN_FOR = 6000;
const MOST = 3;

export class Toasts {
  constructor() {
    this.element = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
  }

  /** @param {string} sentence */
  show(sentence) {
    const node = h("div", { class: "toast" }, sentence);
    node.addEventListener("click", () => node.remove());
    while (this.element.children.length >= MOST) this.element.firstElementChild?.remove();
    this.element.appendChild(node);
    setTimeout(() => node.remove(), SHOWN_FOR);
  }
}
