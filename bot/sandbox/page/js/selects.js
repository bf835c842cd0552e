/** The five kinds of select: strings, people, roles, mentionables, channels. */

import { fill, h } from "./dom.js";
import { emojiOf } from "./emoji.js";
import { float } from "./floating.js";
import { icon } from "./icons.js";
import { OptionList } from "./listbox.js";
import { avatar, nameOf } from "./people.js";

/** @typedef {import("./types.js").Component} Component */
/** @typedef {import("./listbox.js").Item} Item */

const SEARCH_FROM = 8;
const PLACEHOLDERS = /** @type {Record<number, string>} */ ({
  3: "Choose an option",
  5: "Choose a person",
  6: "Choose a role",
  7: "Choose a person or a role",
  8: "Choose a channel",
});

export class SelectControl {
  /**
   * @param {Component} component
   * @param {import("./store.js").Store} store
   * @param {{onCommit?: (values: string[]) => void, label?: string, describedBy?: string}} [use] onCommit: called when a choice is final
   */
  constructor(component, store, { onCommit, label, describedBy } = {}) {
    this.component = component;
    this.store = store;
    this.onCommit = onCommit;
    this.customId = component.custom_id;
    this.least = component.min_values ?? 1;
    this.most = component.max_values ?? 1;
    this.placeholder = component.placeholder || PLACEHOLDERS[component.type];
    /** @type {Set<string>} */
    this.chosen = new Set(initial(component));
    this.trigger = h("button", {
      type: "button",
      class: "select",
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      "aria-label": label ?? this.placeholder,
      "aria-describedby": describedBy,
      disabled: Boolean(component.disabled),
      onclick: () => this.open(),
    });
    this.trigger.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      event.preventDefault();
      this.open();
    });
    this.element = h("div", { class: "c-select" }, this.trigger);
    this.#show();
  }

  /** @returns {string[]} */
  get values() {
    return [...this.chosen];
  }

  focus() {
    this.trigger.focus();
  }

  open() {
    if (this.trigger.getAttribute("aria-expanded") === "true") return;
    const before = this.values.join();
    const all = itemsFor(this.component, this.store);
    const multiple = this.most > 1;
    const list = new OptionList({
      label: this.placeholder,
      multiple,
      isSelected: (item) => this.chosen.has(item.value),
      onChoose: (item) => this.#choose(item, list, floating),
      onActive: (id) =>
        id
          ? keyTarget.setAttribute("aria-activedescendant", id)
          : keyTarget.removeAttribute("aria-activedescendant"),
    });
    const search =
      all.length >= SEARCH_FROM
        ? h("input", {
            class: "select-search",
            type: "search",
            placeholder: "Search",
            "aria-label": "Search",
            autocomplete: "off",
            role: "combobox",
            "aria-controls": list.id,
            "aria-expanded": "true",
          })
        : null;
    const keyTarget = search ?? list.element;
    if (!search) list.element.tabIndex = 0;
    const note = multiple
      ? h(
          "p",
          { class: "select-note" },
          rangeNote(this.least, Math.min(this.most, all.length || this.most)),
        )
      : null;
    const empty = h(
      "p",
      { class: "select-note", hidden: all.length > 0 },
      "Nothing to choose from.",
    );
    list.setItems(
      all,
      Math.max(
        0,
        all.findIndex((item) => this.chosen.has(item.value)),
      ),
    );
    this.trigger.setAttribute("aria-expanded", "true");
    const floating = float(h("div", { class: "select-panel" }, search, list.element, empty, note), {
      anchor: this.trigger,
      className: "select-floating",
      matchWidth: true,
      onClose: () => this.#closed(before),
    });
    search?.addEventListener("input", () => {
      const query = /** @type {HTMLInputElement} */ (search).value.trim().toLowerCase();
      const found = all.filter((item) =>
        `${item.label} ${item.detail ?? ""}`.toLowerCase().includes(query),
      );
      list.setItems(found, 0);
      empty.hidden = found.length > 0;
    });
    keyTarget.addEventListener("keydown", (event) =>
      this.#key(event, list, floating, Boolean(search)),
    );
    keyTarget.focus();
  }

  /** @param {KeyboardEvent} event @param {OptionList} list @param {import("./floating.js").Floating} floating @param {boolean} typing */
  #key(event, list, floating, typing) {
    if (list.handleKey(event)) return;
    if (event.key === "Enter" || (event.key === " " && !typing)) {
      event.preventDefault();
      if (list.activeItem) this.#choose(list.activeItem, list, floating);
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      floating.close();
      this.focus();
    } else if (!typing && event.key.length === 1) {
      const at = list.items.findIndex((item) =>
        item.label.toLowerCase().startsWith(event.key.toLowerCase()),
      );
      if (at >= 0) list.activate(at);
    }
  }

  /** @param {Item} item @param {OptionList} list @param {import("./floating.js").Floating} floating */
  #choose(item, list, floating) {
    if (this.most === 1) {
      if (this.chosen.has(item.value) && this.least === 0) this.chosen.clear();
      else this.chosen = new Set([item.value]);
      this.#show();
      this.focus();
      floating.close();
      return;
    }
    if (this.chosen.has(item.value)) this.chosen.delete(item.value);
    else if (this.chosen.size < this.most) this.chosen.add(item.value);
    list.refresh();
    this.#show();
  }

  /** @param {string} before */
  #closed(before) {
    this.trigger.setAttribute("aria-expanded", "false");
    if (this.chosen.size >= this.least && this.values.join() !== before)
      this.onCommit?.(this.values);
  }

  #show() {
    const items = itemsFor(this.component, this.store).filter((item) =>
      this.chosen.has(item.value),
    );
    const content = items.length
      ? items.map((item) =>
          h(
            "span",
            { class: "select-value" },
            item.lead ? item.lead.cloneNode(true) : null,
            h("span", null, item.label),
          ),
        )
      : h("span", { class: "select-placeholder" }, this.placeholder);
    fill(this.trigger, h("span", { class: "select-values" }, content), icon("down"));
  }
}

/** @param {Component} component @returns {string[]} */
function initial(component) {
  if (component.type === 3)
    return (component.options ?? [])
      .filter((/** @type {any} */ one) => one.default)
      .map((/** @type {any} */ one) => one.value);
  return (component.default_values ?? []).map((/** @type {any} */ one) => String(one.id));
}

/** @param {number} least @param {number} most */
function rangeNote(least, most) {
  if (least === most) return `Choose ${most}.`;
  return least > 0 ? `Choose ${least} to ${most}.` : `Choose up to ${most}.`;
}

/** @param {Component} component @param {import("./store.js").Store} store @returns {Item[]} */
function itemsFor(component, store) {
  if (component.type === 3) {
    return (component.options ?? []).map((/** @type {any} */ one) => ({
      value: one.value,
      label: one.label,
      detail: one.description ?? undefined,
      lead: one.emoji ? emojiOf(one.emoji) : undefined,
    }));
  }
  if (component.type === 5) return people(store);
  if (component.type === 6) return roles(store);
  if (component.type === 7) return [...people(store), ...roles(store)];
  return channels(store, component.channel_types);
}

/** @param {import("./store.js").Store} store @returns {Item[]} */
export function people(store) {
  const { users, bot } = store.known;
  return [...users, bot.user].map((user) => ({
    value: user.id,
    label: nameOf(user),
    detail: user.username,
    lead: avatar(user),
  }));
}

/** @param {import("./store.js").Store} store @returns {Item[]} */
export function roles(store) {
  const { guild } = store.known;
  return (guild.roles ?? [])
    .filter((role) => role.id !== guild.id)
    .map((role) => ({ value: role.id, label: role.name, lead: icon("shield") }));
}

/** @param {import("./store.js").Store} store @param {number[]} [types] @returns {Item[]} */
export function channels(store, types) {
  return store.known.channels
    .filter((channel) => channel.type !== 1 && (!types?.length || types.includes(channel.type)))
    .map((channel) => ({
      value: channel.id,
      label: channel.name ?? "",
      lead: icon(channel.type === 0 ? "hash" : "thread"),
    }));
}
