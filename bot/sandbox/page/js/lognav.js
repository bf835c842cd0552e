/** Walking the log: arrow keys from message to message, and the ways into a message's menu. */

import { messageMenu } from "./actions.js";
import { EPHEMERAL, hasFlag } from "./flags.js";

/** @typedef {import("./types.js").Message} Message */

const LONG_PRESS = 450;

export class LogNavigation {
  /**
   * @param {import("./app.js").Page} page
   * @param {{inner: HTMLElement, scroller: HTMLElement}} log
   * @param {(article: HTMLElement) => Message|undefined} messageOf
   */
  constructor(page, { inner, scroller }, messageOf) {
    this.page = page;
    this.inner = inner;
    this.messageOf = messageOf;
    inner.addEventListener("keydown", (event) => this.#key(event));
    inner.addEventListener("contextmenu", (event) => this.#contextMenu(event));
    this.#longPress();
    scroller.addEventListener("scroll", () => clearTimeout(this.#timer), { passive: true });
  }

  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;

  /** @param {HTMLElement} node @param {FocusOptions} [options] */
  focus(node, options) {
    for (const one of this.inner.querySelectorAll('.message[tabindex="0"]'))
      this.#tabStop(/** @type {HTMLElement} */ (one), false);
    this.#tabStop(node, true);
    node.focus(options);
  }

  /** Puts the keyboard on the newest message. @returns {boolean} whether there is one */
  focusLast() {
    const nodes = this.#articles();
    if (!nodes.length) return false;
    this.focus(nodes[nodes.length - 1]);
    return true;
  }

  /** @param {HTMLElement} node @param {boolean} on its tools can be reached by Tab only while it has the keyboard */
  #tabStop(node, on) {
    node.tabIndex = on ? 0 : -1;
    for (const tool of /** @type {NodeListOf<HTMLElement>} */ (
      node.querySelectorAll(".tool, .message-context-button")
    ))
      tool.tabIndex = on ? 0 : -1;
  }

  #articles() {
    return /** @type {HTMLElement[]} */ ([...this.inner.querySelectorAll("article.message")]);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const article = /** @type {HTMLElement} */ (event.target);
    if (!article.matches("article.message")) {
      if (event.key === "Escape") this.#escape(event);
      return;
    }
    const nodes = this.#articles();
    const at = nodes.indexOf(article);
    /** @type {Record<string, number>} */
    const moves = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: nodes.length - 1 };
    if (event.key in moves) {
      event.preventDefault();
      const target = nodes[moves[event.key]];
      if (target) this.focus(target);
      else if (event.key === "ArrowDown") this.page.composer.focus();
    } else if (
      event.key === "Enter" ||
      event.key === "ContextMenu" ||
      (event.key === "F10" && event.shiftKey)
    ) {
      event.preventDefault();
      this.#menuFor(article, { anchor: article.querySelector(".tool:last-child") ?? article });
    } else if (event.key.toLowerCase() === "r" && !event.ctrlKey && !event.metaKey) {
      const message = this.messageOf(article);
      if (message && !hasFlag(message, EPHEMERAL)) {
        event.preventDefault();
        this.page.reply(message);
      }
    } else if (event.key === "Escape") {
      this.page.composer.focus();
    }
  }

  /** @param {KeyboardEvent} event */
  #escape(event) {
    const article = /** @type {HTMLElement|null} */ (
      /** @type {Element} */ (event.target).closest("article.message")
    );
    if (article) this.focus(article);
  }

  /** @param {MouseEvent} event */
  #contextMenu(event) {
    const target = /** @type {Element} */ (event.target);
    const article = /** @type {HTMLElement|null} */ (target.closest("article.message"));
    if (
      event.defaultPrevented ||
      !article ||
      target.closest("a, input, textarea, video") ||
      hasSelection()
    )
      return;
    event.preventDefault();
    this.#menuFor(article, { point: { x: event.clientX, y: event.clientY } });
  }

  /** Leaves one message, the newest, in the order of Tab while none has the keyboard. */
  settle() {
    if (this.inner.contains(document.activeElement)) return;
    const nodes = this.#articles();
    for (const node of nodes.slice(0, -1)) if (node.tabIndex === 0) this.#tabStop(node, false);
    const last = nodes[nodes.length - 1];
    if (last && last.tabIndex !== 0) this.#tabStop(last, true);
  }

  #longPress() {
    const stop = () => clearTimeout(this.#timer);
    this.inner.addEventListener("pointerdown", (event) => {
      const article = /** @type {HTMLElement|null} */ (
        /** @type {Element} */ (event.target).closest("article.message")
      );
      if (event.pointerType === "mouse" || !article) return;
      const point = { x: event.clientX, y: event.clientY };
      this.#timer = setTimeout(() => this.#menuFor(article, { point }), LONG_PRESS);
    });
    for (const name of ["pointerup", "pointercancel", "pointermove"])
      this.inner.addEventListener(name, stop);
  }

  /** @param {HTMLElement} article @param {{anchor?: Element, point?: {x: number, y: number}}} where */
  #menuFor(article, where) {
    const message = this.messageOf(article);
    if (message) messageMenu(this.page, message, where);
  }
}

function hasSelection() {
  const selection = getSelection();
  return Boolean(selection && !selection.isCollapsed && selection.toString().trim());
}
