/** A list of things to choose from: the popup of selects, of the command picker and of option suggestions. */

import { h, uniqueId } from "./dom.js";

/**
 * @typedef {object} Item
 * @property {string} value
 * @property {string} label
 * @property {string=} detail a second, quieter text
 * @property {Node=} lead a picture or an emoji before the label
 * @property {any=} data whatever the owner wants back
 */

export class OptionList {
  /** @type {Item[]} */
  items = [];
  active = -1;

  /**
   * @param {{label: string, multiple?: boolean, isSelected?: (item: Item) => boolean, onChoose: (item: Item) => void, onActive?: (id: string|null) => void}} settings
   */
  constructor({ label, multiple = false, isSelected, onChoose, onActive }) {
    this.isSelected = isSelected;
    this.onChoose = onChoose;
    this.onActive = onActive;
    this.id = uniqueId("list");
    this.element = h("div", {
      class: "option-list",
      id: this.id,
      role: "listbox",
      "aria-label": label,
      "aria-multiselectable": multiple ? "true" : null,
    });
    this.element.addEventListener("pointerdown", (event) => event.preventDefault());
    this.element.addEventListener("click", (event) => {
      const index = indexUnder(event);
      if (index >= 0) this.onChoose(this.items[index]);
    });
    this.element.addEventListener("pointermove", (event) => {
      const index = indexUnder(event);
      if (index >= 0 && index !== this.active && (event.movementX || event.movementY))
        this.activate(index, { scroll: false });
    });
  }

  /** @param {Item[]} items @param {number} [active] */
  setItems(items, active = -1) {
    this.items = items;
    this.refresh();
    this.activate(items.length ? Math.min(active, items.length - 1) : -1);
  }

  /** Draws the items again, for example after the selection changed. */
  refresh() {
    this.element.replaceChildren(...this.items.map((item, n) => this.#row(item, n)));
    if (this.active >= 0) this.activate(this.active, { scroll: false });
  }

  /** @returns {Item|null} */
  get activeItem() {
    return this.items[this.active] ?? null;
  }

  /** @param {number} step */
  move(step) {
    const count = this.items.length;
    if (!count) return;
    const from = this.active < 0 ? (step > 0 ? -1 : count) : this.active;
    this.activate((((from + step) % count) + count) % count);
  }

  /** @param {number} index @param {{scroll?: boolean}} [how] */
  activate(index, { scroll = true } = {}) {
    this.element.querySelector("[data-active]")?.removeAttribute("data-active");
    this.active = index;
    const row = /** @type {HTMLElement|undefined} */ (this.element.children[index]);
    if (row) {
      row.dataset.active = "";
      if (scroll) row.scrollIntoView({ block: "nearest" });
    }
    this.onActive?.(row?.id ?? null);
  }

  /** Arrow keys, Home, End, page keys. @param {KeyboardEvent} event @returns {boolean} whether the key was one of them */
  handleKey(event) {
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => this.move(1),
      ArrowUp: () => this.move(-1),
      PageDown: () => this.activate(Math.min(this.active + 6, this.items.length - 1)),
      PageUp: () => this.activate(Math.max(this.active - 6, 0)),
    };
    const action = keys[event.key];
    if (!action || !this.items.length) return false;
    event.preventDefault();
    action();
    return true;
  }

  /** @param {Item} item @param {number} n */
  #row(item, n) {
    return h(
      "div",
      {
        class: "option",
        id: `${this.id}-${n}`,
        role: "option",
        "aria-selected": this.isSelected ? String(this.isSelected(item)) : "false",
        dataset: { index: String(n) },
      },
      item.lead ? h("span", { class: "option-lead" }, item.lead) : null,
      h(
        "span",
        { class: "option-text" },
        h("span", { class: "option-label" }, item.label),
        item.detail ? h("span", { class: "option-detail" }, item.detail) : null,
      ),
      this.isSelected ? h("span", { class: "option-tick", "aria-hidden": "true" }) : null,
    );
  }
}

/** @param {Event} event @returns {number} */
function indexUnder(event) {
  const row = /** @type {Element} */ (event.target).closest(".option");
  return row ? Number(/** @type {HTMLElement} */ (row).dataset.index) : -1;
}
