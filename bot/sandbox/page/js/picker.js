/** The list of commands that opens when a message begins with a slash. */

import { findCommands } from "./commands.js";
import { h } from "./dom.js";
import { OptionList } from "./listbox.js";

/** @typedef {import("./commands.js").Callable} Callable */

export class CommandPicker {
  open = false;
  /** @type {HTMLElement|null} */
  #input = null;

  /** @param {(entry: Callable) => void} onChoose */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.list = new OptionList({
      label: "Commands",
      onChoose: (item) => this.onChoose(item.data),
      onActive: (id) =>
        id && this.open
          ? this.#input?.setAttribute("aria-activedescendant", id)
          : this.#input?.removeAttribute("aria-activedescendant"),
    });
    this.empty = h("p", { class: "picker-empty", hidden: true }, "No command of that name here.");
    this.element = h(
      "div",
      { class: "panel picker", hidden: true },
      h("div", { class: "panel-head" }, "Commands"),
      this.list.element,
      this.empty,
    );
  }

  /** @param {HTMLElement} input the box that keeps the keyboard while the list is open */
  attach(input) {
    this.#input = input;
  }

  /** @param {Callable[]} entries @param {string} query */
  show(entries, query) {
    const found = findCommands(entries, query);
    this.open = true;
    this.element.hidden = false;
    this.empty.hidden = found.length > 0;
    this.#input?.setAttribute("aria-expanded", "true");
    this.list.setItems(found.map(itemOf), found.length ? 0 : -1);
  }

  close() {
    this.open = false;
    this.element.hidden = true;
    this.#input?.setAttribute("aria-expanded", "false");
    this.#input?.removeAttribute("aria-activedescendant");
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether the key was for the list */
  handleKey(event) {
    if (this.list.handleKey(event)) return true;
    if (event.key === "Escape") {
      event.preventDefault();
      this.close();
      return true;
    }
    const item = this.list.activeItem;
    if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && item) {
      event.preventDefault();
      this.onChoose(item.data);
      return true;
    }
    return false;
  }
}

/** @param {Callable} entry @returns {import("./listbox.js").Item} */
function itemOf(entry) {
  return { value: entry.name, label: `/${entry.name}`, detail: entry.description, data: entry };
}
