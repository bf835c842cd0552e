/** The open channel's messages: kept in order, scrolled with respect for the reader, walked with the arrow keys. */

import { fragment, h } from "./dom.js";
import { EPHEMERAL, hasFlag } from "./flags.js";
import { settleFloating } from "./floating.js";
import { icon } from "./icons.js";
import { LogNavigation } from "./lognav.js";
import { messageArticle, thinking } from "./message.js";
import { nameOf } from "./people.js";
import { daysAgo, formatTime } from "./time.js";
import { welcome } from "./welcome.js";

/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").Pending} Pending */

const TOGETHER_FOR = 7 * 60_000;
const NEAR_THE_END = 80;

export class LogView {
  /** @type {Map<string, {message: Message, compact: boolean, node: HTMLElement}>} */
  #drawn = new Map();
  /** @type {WeakMap<Pending, HTMLElement>} */
  #waiting = new WeakMap();
  /** @type {string|null} */
  #pressed = null;
  #atEnd = true;
  #missed = 0;
  #loading = false;

  /** @param {import("./app.js").Page} page */
  constructor(page) {
    this.page = page;
    this.inner = h("div", { class: "log-inner" });
    this.scroller = h(
      "div",
      { class: "log", role: "log", "aria-label": "Messages", "aria-live": "polite", tabindex: -1 },
      this.inner,
    );
    this.jump = h("button", {
      type: "button",
      class: "jump",
      hidden: true,
      onclick: () => this.toEnd(),
    });
    this.element = h("div", { class: "log-frame" }, this.scroller, this.jump);
    this.navigation = new LogNavigation(
      page,
      this,
      (article) => this.#drawn.get(article.dataset.id ?? "")?.message,
    );
    this.#listen();
  }

  #listen() {
    const { store } = this.page;
    store.on("messages", ({ channelId, older, again }) => {
      if (channelId !== store.channelId) return;
      if (older) this.#keepingPlace(() => this.draw());
      else if (again) this.draw();
      else {
        this.draw();
        this.toEnd();
      }
    });
    store.on("message", ({ kind, message, own }) => {
      if (message.channel_id !== store.channelId) return;
      this.draw();
      if (kind === "create" && own) this.toEnd();
      else if (kind === "create" && !this.#atEnd) this.#miss();
    });
    store.on("pending", (pending) => {
      if (pending.channelId !== store.channelId) return;
      this.draw();
      if (pending.kind === "command" && pending.state === "sending") this.toEnd();
    });
    store.on("state", () => this.draw());
    store.on("commands", () => this.draw());
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    const observer = new ResizeObserver(() => {
      if (this.#atEnd) this.#pin();
    });
    observer.observe(this.inner);
    observer.observe(this.scroller);
    this.inner.addEventListener("pointerdown", (event) => this.#press(event), true);
  }

  /** A message keeps its nodes while the pointer is down on it, or an update would swallow the click. @param {Event} event */
  #press(event) {
    this.#pressed =
      /** @type {HTMLElement|null} */ (
        /** @type {Element} */ (event.target).closest("article.message")
      )?.dataset.id ?? null;
    const release = () => {
      document.removeEventListener("pointerup", release, true);
      document.removeEventListener("pointercancel", release, true);
      setTimeout(() => {
        this.#pressed = null;
        this.draw();
      });
    };
    document.addEventListener("pointerup", release, true);
    document.addEventListener("pointercancel", release, true);
  }

  /** Draws everything anew, for another channel or member. */
  redraw() {
    this.#drawn.clear();
    this.inner.replaceChildren();
    this.draw();
  }

  /** Brings the drawing in line with the store; messages that did not change keep their nodes. */
  draw() {
    const { store } = this.page;
    const list = store.channelId ? store.messages.get(store.channelId) : undefined;
    if (!list) {
      this.inner.replaceChildren(skeleton());
      return;
    }
    const focus = this.#focusPlace();
    const nodes = [];
    if (store.complete.has(store.channelId ?? ""))
      nodes.push(welcome(this.page, list.length === 0));
    /** @type {Message|null} */
    let previous = null;
    const drawn = new Map();
    const waiting = [...store.pending.values()].filter(
      (pending) => pending.channelId === store.channelId && pending.kind === "command",
    );
    for (const message of list) {
      while (waiting.length && waiting[0].begunAt < Date.parse(message.timestamp))
        nodes.push(this.#pendingLine(/** @type {Pending} */ (waiting.shift())));
      if (!previous || !sameDay(previous, message)) nodes.push(dayLine(message));
      const compact = Boolean(previous && follows(previous, message));
      const old = this.#drawn.get(message.id);
      const same =
        old && old.compact === compact && (old.message === message || message.id === this.#pressed);
      const entry = same
        ? old
        : { message, compact, node: messageArticle(message, this.page, { compact }) };
      drawn.set(message.id, entry);
      nodes.push(entry.node);
      previous = message;
    }
    nodes.push(...waiting.map((pending) => this.#pendingLine(pending)));
    this.#drawn = drawn;
    patch(this.inner, nodes);
    this.#markPending();
    this.#restoreFocus(focus);
    this.navigation.settle();
    if (this.#atEnd) this.#pin();
    settleFloating();
  }

  /** @param {string} id scrolls to a message and lights it up for a moment */
  show(id) {
    const node = this.#drawn.get(id)?.node;
    if (!node) return this.page.toast("That message is further up and not loaded.");
    node.scrollIntoView({ block: "center" });
    node.dataset.lit = "";
    setTimeout(() => delete node.dataset.lit, 1600);
    return this.navigation.focus(node);
  }

  toEnd() {
    this.#atEnd = true;
    this.#missed = 0;
    this.#pin();
    this.#showJump();
  }

  #pin() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR_THE_END;
    if (this.#atEnd) this.#missed = 0;
    this.#showJump();
    if (scrollTop < 240) void this.#loadOlder();
  }

  #miss() {
    this.#missed += 1;
    this.#showJump();
  }

  #showJump() {
    this.jump.hidden = this.#atEnd;
    const text = this.#missed
      ? `${this.#missed} new ${this.#missed === 1 ? "message" : "messages"}`
      : "Latest messages";
    this.jump.replaceChildren(fragment(text, icon("down")));
  }

  async #loadOlder() {
    const { store, api } = this.page;
    const channelId = store.channelId;
    const list = channelId ? store.messages.get(channelId) : undefined;
    if (!channelId || !list?.length || store.complete.has(channelId) || this.#loading) return;
    this.#loading = true;
    try {
      const older = await api.messages(channelId, { before: list[0].id });
      store.prependMessages(channelId, older, older.length < 50);
    } catch (error) {
      this.page.toast(/** @type {Error} */ (error).message);
    } finally {
      this.#loading = false;
    }
  }

  /** @param {() => void} change something above the reader, who stays where they are */
  #keepingPlace(change) {
    const anchor = [...this.#drawn.values()][0]?.node;
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (anchor?.isConnected) this.scroller.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  /** @param {Pending} pending */
  #pendingLine(pending) {
    const known = this.#waiting.get(pending);
    if (known) return known;
    const { store } = this.page;
    const bot = nameOf(store.known.bot.user);
    const failed = pending.state === "failed";
    const line = h(
      "div",
      {
        class: "message pending",
        dataset: { nonce: pending.nonce, ...(failed ? { failed: "" } : {}) },
      },
      h(
        "div",
        { class: "message-context" },
        h("span", { class: "context-name" }, nameOf(store.known.me)),
        " used ",
        h("span", { class: "context-command" }, pending.label),
      ),
      h("span", { class: "pending-mark", "aria-hidden": "true" }, failed ? icon("warning") : null),
      h(
        "div",
        { class: "message-body" },
        failed
          ? h(
              "div",
              { class: "failure", role: "alert" },
              pending.error,
              " ",
              h(
                "button",
                {
                  type: "button",
                  class: "link-button",
                  onclick: () => store.dropPending(pending.nonce),
                },
                "Dismiss",
              ),
            )
          : thinking(pending.state === "deferred" ? `${bot} is thinking…` : "Sending command…"),
      ),
    );
    this.#waiting.set(pending, line);
    return line;
  }

  /** Shows on each message which of its components wait for an answer, and which got none. */
  #markPending() {
    const waiting = [...this.page.store.pending.values()].filter(
      (pending) => pending.kind === "component",
    );
    for (const { node, message } of this.#drawn.values()) {
      const own = waiting.filter((pending) => pending.messageId === message.id);
      const busy = new Set(
        own.filter((pending) => pending.state !== "failed").map((pending) => pending.customId),
      );
      for (const control of /** @type {NodeListOf<HTMLElement>} */ (
        node.querySelectorAll("[data-custom-id]")
      )) {
        if (busy.has(control.dataset.customId)) control.setAttribute("aria-busy", "true");
        else control.removeAttribute("aria-busy");
      }
      const failed = own.find((pending) => pending.state === "failed");
      const line = node.querySelector(".component-failure");
      if (!failed) line?.remove();
      else if (!line)
        node
          .querySelector(".message-body")
          ?.appendChild(
            h("div", { class: "failure component-failure", role: "alert" }, failed.error),
          );
      else if (line.textContent !== failed.error) line.textContent = failed.error ?? "";
    }
  }

  /** Which control of which message has the focus, so that a redrawn message can give it back. */
  #focusPlace() {
    const active = /** @type {HTMLElement|null} */ (document.activeElement);
    const article = active?.closest?.(".message");
    if (!active || !article || !this.inner.contains(article)) return null;
    return {
      id: /** @type {HTMLElement} */ (article).dataset.id ?? "",
      key: active.dataset.focusKey,
      node: active,
    };
  }

  /** @param {{id: string, key: string|undefined, node: HTMLElement}|null} place */
  #restoreFocus(place) {
    if (!place || place.node.isConnected) return;
    const node = this.#drawn.get(place.id)?.node;
    const control = place.key
      ? node?.querySelector(`[data-focus-key="${CSS.escape(place.key)}"]:not([disabled])`)
      : null;
    if (control) /** @type {HTMLElement} */ (control).focus({ preventScroll: true });
    else if (node) this.navigation.focus(node, { preventScroll: true });
  }
}

/** @param {Element} parent @param {Node[]} nodes moved into place with as few changes as order allows */
function patch(parent, nodes) {
  const keep = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!keep.has(child)) child.remove();
  nodes.forEach((node, n) => {
    if (parent.childNodes[n] !== node) parent.insertBefore(node, parent.childNodes[n] ?? null);
  });
}

/** @param {Message} a @param {Message} b */
function sameDay(a, b) {
  return new Date(a.timestamp).toDateString() === new Date(b.timestamp).toDateString();
}

/** @param {Message} previous @param {Message} message whether it needs no author line of its own */
function follows(previous, message) {
  return (
    previous.author.id === message.author.id &&
    sameDay(previous, message) &&
    Date.parse(message.timestamp) - Date.parse(previous.timestamp) < TOGETHER_FOR &&
    !message.message_reference?.message_id &&
    !message.interaction_metadata?.name &&
    hasFlag(previous, EPHEMERAL) === hasFlag(message, EPHEMERAL)
  );
}

/** @param {Message} message */
function dayLine(message) {
  const at = Date.parse(message.timestamp);
  const days = daysAgo(at);
  const text = days === 0 ? "Today" : days === 1 ? "Yesterday" : formatTime(at, "D");
  return h(
    "div",
    { class: "day-line", role: "separator", "aria-label": text },
    h("span", null, text),
  );
}

function skeleton() {
  const row = (/** @type {string} */ width) =>
    h("div", { class: "skeleton-row", vars: { "--width": width } }, h("i"), h("b"));
  return h("div", { class: "skeleton", "aria-hidden": "true" }, row("62%"), row("38%"), row("54%"));
}
