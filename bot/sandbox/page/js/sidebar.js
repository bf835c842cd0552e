/** The left side: channels, direct messages, and who one is acting as. */

import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { openMenu } from "./menu.js";
import { avatar, botBadge, nameOf } from "./people.js";
import { onSystemTheme, theme, toggleTheme } from "./theme.js";

/** @typedef {import("./types.js").Channel} Channel */

const THREADS = new Set([10, 11, 12]);
const TEXT = 0;
const NEWS = 5;
const DM = 1;

export class Sidebar {
  /** @param {import("./app.js").Page} page */
  constructor(page) {
    this.page = page;
    this.place = h("div", { class: "place" });
    this.nav = h("nav", { class: "channels", "aria-label": "Channels" });
    this.identity = h("div", { class: "identity" });
    this.element = h(
      "aside",
      { class: "sidebar", id: "sidebar", "aria-label": "Sandbox" },
      this.place,
      this.nav,
      this.identity,
    );
    for (const name of ["state", "channels", "channel", "unread", "bot"])
      page.store.on(name, () => this.draw());
    onSystemTheme(() => this.#drawIdentity());
    this.nav.addEventListener("keydown", (event) => this.#key(event));
  }

  draw() {
    const { store } = this.page;
    if (!store.state) return;
    const { guild, channels, bot } = store.state;
    fill(
      this.place,
      h("h1", { class: "place-name" }, "Easel sandbox"),
      h("p", { class: "place-note" }, guild.name),
    );
    const focused = /** @type {HTMLElement|null} */ (document.activeElement)?.dataset?.channel;
    const rooms = channels
      .filter((channel) => channel.type === TEXT || channel.type === NEWS)
      .sort(byPosition);
    const messages = channels.filter((channel) => channel.type === DM);
    fill(
      this.nav,
      h("h2", { class: "nav-heading" }, "Channels"),
      h(
        "ul",
        { class: "nav-list" },
        rooms.map((room) => this.#room(room)),
      ),
      messages.length
        ? [
            h("h2", { class: "nav-heading" }, "Direct messages"),
            h(
              "ul",
              { class: "nav-list" },
              messages.map((dm) => h("li", null, this.#direct(dm, bot))),
            ),
          ]
        : null,
    );
    if (focused)
      /** @type {HTMLElement|null} */ (
        this.nav.querySelector(`[data-channel="${CSS.escape(focused)}"]`)
      )?.focus();
    this.#drawIdentity();
  }

  /** @param {Channel} room */
  #room(room) {
    const { channels } = this.page.store.known;
    const threads = channels.filter(
      (channel) =>
        THREADS.has(channel.type) &&
        channel.parent_id === room.id &&
        (!channel.thread_metadata?.archived || channel.id === this.page.store.channelId),
    );
    return h(
      "li",
      null,
      this.#link(room, [
        icon("hash"),
        h("span", { class: "nav-name" }, room.name),
        room.nsfw ? h("span", { class: "nav-tag", title: "Age-restricted" }, "18+") : null,
      ]),
      threads.length
        ? h(
            "ul",
            { class: "nav-list nav-threads" },
            threads.map((thread) =>
              h(
                "li",
                null,
                this.#link(thread, [icon("thread"), h("span", { class: "nav-name" }, thread.name)]),
              ),
            ),
          )
        : null,
    );
  }

  /** @param {Channel} dm @param {import("./types.js").State["bot"]} bot */
  #direct(dm, bot) {
    const face = avatar(bot.user);
    const state = bot.online ? "Online" : "Offline";
    const activity = bot.online ? activityText(bot.activities) : "";
    return this.#link(dm, [
      h(
        "span",
        { class: "presence-face" },
        face,
        h("span", {
          class: "presence",
          dataset: { online: String(bot.online) },
          role: "img",
          "aria-label": state,
          title: state,
        }),
      ),
      h(
        "span",
        { class: "nav-two" },
        h("span", { class: "nav-name" }, nameOf(bot.user), botBadge()),
        activity ? h("span", { class: "nav-note" }, activity) : null,
      ),
    ]);
  }

  /** @param {Channel} channel @param {any[]} content */
  #link(channel, content) {
    const { store } = this.page;
    const open = channel.id === store.channelId;
    const unread = store.unread.get(channel.id) ?? 0;
    return h(
      "button",
      {
        type: "button",
        class: "nav-link",
        "aria-current": open ? "page" : null,
        dataset: { channel: channel.id, ...(unread ? { unread: "" } : {}) },
        onclick: () => this.page.go(channel.id),
      },
      content,
      unread
        ? h(
            "span",
            { class: "nav-unread", "aria-label": `${unread} unread` },
            unread > 99 ? "99+" : String(unread),
          )
        : null,
    );
  }

  #drawIdentity() {
    const { state } = this.page.store;
    if (!state) return;
    const dark = theme() === "dark";
    fill(
      this.identity,
      h(
        "button",
        {
          type: "button",
          class: "identity-button",
          "aria-haspopup": "menu",
          "aria-label": `Acting as ${nameOf(state.me)}. Change`,
          onclick: (/** @type {Event} */ event) =>
            this.#chooseIdentity(/** @type {Element} */ (event.currentTarget)),
        },
        avatar(state.me),
        h(
          "span",
          { class: "identity-text" },
          h("span", { class: "identity-name" }, nameOf(state.me)),
          h(
            "span",
            { class: "identity-role" },
            state.me.is_admin ? "acting as an admin" : "acting as a member",
          ),
        ),
        icon("down"),
      ),
      h(
        "button",
        {
          type: "button",
          class: "icon-button theme-toggle",
          "aria-label": dark ? "Use light colours" : "Use dark colours",
          title: dark ? "Light" : "Dark",
          onclick: () => {
            toggleTheme();
            this.#drawIdentity();
            /** @type {HTMLElement|null} */ (this.identity.querySelector(".theme-toggle"))?.focus();
          },
        },
        icon(dark ? "sun" : "moon"),
      ),
    );
  }

  /** @param {Element} anchor */
  #chooseIdentity(anchor) {
    const { me, users } = this.page.store.known;
    openMenu(
      [
        { heading: "Act as" },
        ...users.map((user) => ({
          label: nameOf(user),
          detail: user.is_admin ? "Admin" : "Member",
          lead: avatar(user),
          checked: user.id === me.id,
          action: () => this.page.actAs(user.id),
        })),
      ],
      { anchor, label: "Act as" },
    );
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const links = /** @type {HTMLElement[]} */ ([...this.nav.querySelectorAll(".nav-link")]);
    const at = links.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const target = step === undefined ? null : links[at + step];
    if (!target) return;
    event.preventDefault();
    target.focus();
  }
}

/** @param {Channel} a @param {Channel} b */
function byPosition(a, b) {
  return (a.position ?? 0) - (b.position ?? 0);
}

/** @param {{name?: string, state?: string, type?: number}[]|undefined} activities */
function activityText(activities) {
  const one = activities?.[0];
  if (!one) return "";
  const verbs = ["Playing", "Streaming", "Listening to", "Watching", "", "Competing in"];
  const verb = verbs[one.type ?? 0] ?? "";
  return one.type === 4 ? (one.state ?? "") : `${verb} ${one.name ?? ""}`.trim();
}
