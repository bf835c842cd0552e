/** Puts the page together: state from the socket, the sidebar, the log, the message box, and the actions between them. */

import { Api } from "./api.js";
import { Composer } from "./composer.js";
import { fill, h } from "./dom.js";
import { listenForDrops } from "./drops.js";
import { closeFloating } from "./floating.js";
import { gate, isGated } from "./gate.js";
import { icon } from "./icons.js";
import { Interactions } from "./interactions.js";
import { openLightbox } from "./lightbox.js";
import { LogView } from "./log.js";
import { openForm } from "./modal.js";
import { nameOf } from "./people.js";
import { Sidebar } from "./sidebar.js";
import { PushSocket } from "./socket.js";
import { Store } from "./store.js";
import { startTheme } from "./theme.js";
import { startClock } from "./time.js";
import { Toasts } from "./toast.js";

/** @typedef {import("./types.js").Message} Message */

const PAGE_OF_MESSAGES = 50;

export class Page {
  constructor() {
    const address = new URLSearchParams(location.search);
    this.wantedChannel = address.get("channel");
    this.store = new Store();
    this.api = new Api(address.get("user"));
    this.toasts = new Toasts();
    this.interactions = new Interactions(this.store, this.api, (id, modal) =>
      this.#openModal(id, modal),
    );
    this.log = new LogView(this);
    this.composer = new Composer(this);
    this.sidebar = new Sidebar(this);
    this.header = h("header", { class: "channel-header" });
    this.main = h("main", { class: "main", "aria-label": "Channel" });
    this.scrim = h("div", { class: "scrim", onclick: () => this.#drawer(false) });
    this.socket = new PushSocket(
      () => this.api.socketUrl(),
      (name, data) => this.#receive(name, data),
      (connected) => this.store.setConnected(connected),
    );
  }

  start() {
    const root = document.getElementById("app");
    if (!root) throw new Error("the page has no #app");
    this.root = root;
    for (const name of ["channel", "channels", "state", "bot"])
      this.store.on(name, () => this.#drawHeader());
    listenForDrops(root, {
      accepts: () => !document.querySelector("dialog[open]") && !isGated(this),
      onFiles: (files) => this.composer.addFiles(files),
    });
    document.addEventListener("keydown", (event) => this.#globalKey(event));
    window.addEventListener("popstate", () => {
      const id = new URLSearchParams(location.search).get("channel");
      if (id && this.store.findChannel(id)) this.#open(id);
    });
    this.socket.open();
    startClock();
  }

  /** @param {string} key @returns {import("./markdown.js").MarkdownContext} */
  markdownContext(key) {
    const { store } = this;
    return {
      key,
      me: store.known.me.id,
      userName: (id) => (store.findUser(id) ? nameOf(store.findUser(id)) : null),
      channelName: (id) => store.findChannel(id)?.name ?? null,
      roleName: (id) => store.known.guild.roles?.find((role) => role.id === id)?.name ?? null,
      openChannel: (id) => this.go(id),
      isRevealed: (spoiler) => store.revealed.has(spoiler),
      reveal: (spoiler) => store.revealed.add(spoiler),
    };
  }

  /** Opens a channel and remembers it in the address. @param {string} id */
  go(id) {
    this.#drawer(false);
    if (id === this.store.channelId) return this.composer.focus();
    const url = new URL(location.href);
    url.searchParams.set("channel", id);
    url.searchParams.set("user", this.store.known.me.id);
    history.pushState(null, "", url);
    this.#open(id);
    // On a touch screen the focus would raise the keyboard over the messages.
    if (!isGated(this) && matchMedia("(hover: hover)").matches) this.composer.focus();
    return undefined;
  }

  /** Opens the first channel that asks no question. */
  goHome() {
    const home = this.store.known.channels.find((channel) => channel.type === 0 && !channel.nsfw);
    if (home) this.go(home.id);
  }

  /** @param {string} id the member to act as from now on */
  actAs(id) {
    if (id === this.store.state?.me.id) return;
    this.api.user = id;
    this.wantedChannel = this.store.channelId;
    this.store.forget();
    const url = new URL(location.href);
    url.searchParams.set("user", id);
    history.replaceState(null, "", url);
    this.socket.reopen();
  }

  /** @param {string} sentence */
  toast(sentence) {
    this.toasts.show(sentence);
  }

  /** Waits for something the member asked for, and says so if it fails. @param {Promise<any>} work */
  attempt(work) {
    work.catch((error) => this.toast(error.message));
  }

  /** @param {Element} button */
  openLightbox(button) {
    openLightbox(button);
  }

  /** @param {Message} message */
  reply(message) {
    if (this.store.channel?.can_send === false)
      return this.toast("You cannot write in this channel.");
    return this.composer.replyTo(message);
  }

  /** @param {string} id */
  showMessage(id) {
    this.log.show(id);
  }

  /** @param {Message} message */
  dismiss(message) {
    this.store.remove(message.channel_id, message.id);
    this.attempt(this.api.remove(message.channel_id, message.id));
    this.composer.focus();
  }

  /** @param {string} name @param {any} data */
  #receive(name, data) {
    const { store } = this;
    /** @type {Record<string, () => void>} */
    const handlers = {
      HELLO: () => this.#hello(data),
      MESSAGE_CREATE: () => store.upsert(data),
      MESSAGE_UPDATE: () => store.upsert(data),
      MESSAGE_DELETE: () => store.remove(data.channel_id, data.id),
      CHANNEL_CREATE: () => store.upsertChannel(data),
      CHANNEL_UPDATE: () => store.upsertChannel(data),
      CHANNEL_DELETE: () => this.#channelGone(data.id),
      COMMANDS_UPDATE: () => {
        store.known.commands = data.commands;
        store.emit("commands");
      },
      BOT_STATUS: () => {
        store.known.bot = data;
        store.emit("bot");
      },
      TYPING: () => store.startTyping(data.channel_id, data.user_id),
      INTERACTION: () => this.interactions.receive(data),
    };
    handlers[name]?.();
  }

  /** @param {import("./types.js").State} state */
  #hello(state) {
    const { store } = this;
    const first = !store.state;
    this.api.user = state.me.id;
    store.setState(state);
    if (first) this.#build();
    const wanted = [this.wantedChannel, store.channelId].find((id) => id && store.findChannel(id));
    this.wantedChannel = null;
    const fallback =
      state.channels.find((channel) => channel.type === 0 && !channel.nsfw) ?? state.channels[0];
    const id = wanted ?? fallback?.id;
    if (!id) return this.toast("There is no channel this member may see.");
    if (store.messages.has(id) && id === store.channelId) void this.#load(id, true);
    else this.#open(id);
    if (first && !isGated(this) && matchMedia("(hover: hover)").matches) this.composer.focus();
    return undefined;
  }

  #build() {
    const { root } = this;
    if (!root) return;
    fill(root, this.sidebar.element, this.scrim, this.main, this.toasts.element);
    root.setAttribute("aria-busy", "false");
    root.dataset.ready = "";
  }

  /** @param {string} id */
  #open(id) {
    closeFloating();
    this.store.openChannel(id);
    this.#drawMain();
    void this.#load(id);
  }

  #drawMain() {
    const inside = isGated(this)
      ? [gate(this, () => this.#entered())]
      : [this.log.element, this.composer.element];
    fill(this.main, this.header, inside);
    if (!isGated(this)) this.log.redraw();
    else /** @type {HTMLElement|null} */ (this.main.querySelector(".gate button"))?.focus();
  }

  #entered() {
    this.#drawMain();
    this.log.toEnd();
    this.composer.focus();
  }

  /** @param {string} id @param {boolean} [again] after the connection was lost */
  async #load(id, again = false) {
    try {
      const list = await this.api.messages(id, { limit: PAGE_OF_MESSAGES });
      this.store.setMessages(id, list, { complete: list.length < PAGE_OF_MESSAGES, again });
    } catch (error) {
      this.toast(/** @type {Error} */ (error).message);
    }
  }

  /** @param {string} id */
  #channelGone(id) {
    this.store.removeChannel(id);
    if (id !== this.store.channelId) return;
    this.toast("That channel was deleted.");
    this.goHome();
  }

  #drawHeader() {
    const { store } = this;
    const channel = store.channel;
    if (!channel || !store.state) return;
    const bot = store.state.bot;
    const isDm = channel.type === 1;
    const parent =
      channel.parent_id && channel.type !== 0 ? store.findChannel(channel.parent_id) : null;
    const name = isDm ? nameOf(bot.user) : (channel.name ?? "");
    document.title = `${isDm ? name : `#${name}`} · Easel sandbox`;
    fill(
      this.header,
      h(
        "button",
        {
          type: "button",
          class: "icon-button drawer-button",
          "aria-label": "Channels",
          "aria-expanded": "false",
          "aria-controls": "sidebar",
          onclick: () => this.#drawer(true),
        },
        icon("menu"),
      ),
      h(
        "span",
        { class: "header-mark" },
        icon(isDm ? "user" : channel.type === 0 ? "hash" : "thread"),
      ),
      h("h2", { class: "header-name" }, name),
      parent
        ? h(
            "span",
            { class: "header-topic" },
            "in ",
            h(
              "button",
              { type: "button", class: "link-button", onclick: () => this.go(parent.id) },
              `#${parent.name}`,
            ),
          )
        : channel.topic
          ? h("span", { class: "header-topic", title: channel.topic }, channel.topic)
          : null,
      h(
        "span",
        { class: "header-bot", dataset: { online: String(bot.online) } },
        h("span", { class: "presence", dataset: { online: String(bot.online) } }),
        h("span", null, `${nameOf(bot.user)} is ${bot.online ? "online" : "offline"}`),
      ),
    );
  }

  /** @param {boolean} open */
  #drawer(open) {
    if (open) this.root?.setAttribute("data-drawer", "");
    else if (!this.root?.hasAttribute("data-drawer")) return;
    else this.root.removeAttribute("data-drawer");
    const button = /** @type {HTMLElement|null} */ (this.header.querySelector(".drawer-button"));
    button?.setAttribute("aria-expanded", String(open));
    this.main.toggleAttribute("inert", open);
    if (open)
      /** @type {HTMLElement|null} */ (
        this.sidebar.nav.querySelector('[aria-current="page"]')
      )?.focus();
    else button?.focus();
  }

  /** @param {KeyboardEvent} event */
  #globalKey(event) {
    if (event.key === "Escape" && this.root?.hasAttribute("data-drawer"))
      return this.#drawer(false);
    const target = /** @type {HTMLElement} */ (event.target);
    const typing = target.closest(
      "input, textarea, [contenteditable], dialog, .menu, .option-list",
    );
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "/" && plain && !typing && !isGated(this)) this.composer.focus();
    return undefined;
  }

  /** @param {string} interactionId @param {any} modal */
  #openModal(interactionId, modal) {
    const channelId = this.store.channelId ?? "";
    openForm(this, {
      title: modal.title,
      components: modal.components ?? [],
      onSubmit: (fields, files) =>
        this.interactions.modal({
          interactionId,
          channelId,
          customId: modal.custom_id,
          fields,
          files,
        }),
    });
  }
}

startTheme(new URLSearchParams(location.search).get("theme"));
new Page().start();
