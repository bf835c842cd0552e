/** One option of a command: what is typed or chosen, its suggestions, and what is wrong with it. */

import { fill, h, uniqueId } from "./dom.js";
import { icon } from "./icons.js";
import { OptionList } from "./listbox.js";
import { thumbnail } from "./media.js";
import { checkValue, hintFor } from "./optionrules.js";
import { channels, people, roles } from "./selects.js";

/** @typedef {import("./types.js").Option} Option */
/** @typedef {import("./listbox.js").Item} Item */

const TYPE = {
  string: 3,
  integer: 4,
  boolean: 5,
  user: 6,
  channel: 7,
  role: 8,
  mentionable: 9,
  number: 10,
  attachment: 11,
};
const DEBOUNCE = 180;

export class OptionField {
  /** @type {Item|null} */
  #chosen = null;
  /** @type {File|null} */
  #file = null;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #question = 0;
  /** @type {OptionList|null} */
  #list = null;
  #listOpen = false;
  /** @type {string|null} */
  problem = null;

  /** @param {import("./commandform.js").CommandForm} form @param {Option} option @param {any} value */
  constructor(form, option, value) {
    this.form = form;
    this.option = option;
    this.label = h("span", { class: "option-name", id: uniqueId("option") }, option.name);
    this.remove = option.required
      ? null
      : h(
          "button",
          {
            type: "button",
            class: "option-remove",
            tabindex: -1,
            "aria-label": `Remove ${option.name}`,
            onclick: () => form.remove(this),
          },
          icon("close"),
        );
    this.element = h(
      "div",
      { class: "option-field", dataset: { type: String(option.type), name: option.name } },
      this.label,
    );
    if (option.type === TYPE.attachment) this.#buildFile();
    else this.#buildText();
    if (this.remove) this.element.appendChild(this.remove);
    if (value !== undefined) this.#prefill(value);
  }

  /** @returns {string} what stands in the field */
  get text() {
    return this.input ? this.input.value : "";
  }

  get empty() {
    return this.option.type === TYPE.attachment ? !this.#file : !this.text.trim();
  }

  /** @returns {any} the value as typed or chosen, to fill the field with another time */
  get value() {
    return this.#chosen ? this.#chosen.data : this.text;
  }

  /** @returns {HTMLElement|null} the list under the option's description */
  get suggestions() {
    return this.#list && this.#listOpen ? this.#list.element : null;
  }

  /** @returns {string} what the option takes, in a few words */
  get hint() {
    return hintFor(this.option);
  }

  focus() {
    (this.input ?? this.fileButton)?.focus();
  }

  dispose() {
    clearTimeout(this.#timer);
    this.#question += 1;
  }

  /** @param {File[]} files attachments go here @returns {string|number|boolean} the value as the sandbox takes it */
  read(files) {
    if (this.#file) return String(files.push(this.#file) - 1);
    if (this.#chosen) return this.#chosen.data;
    const text = this.text.trim();
    return this.option.type === TYPE.integer || this.option.type === TYPE.number
      ? Number(text)
      : text;
  }

  /** @param {{show?: boolean}} [how] @returns {string|null} what is wrong, as a sentence */
  check({ show = true } = {}) {
    const chosen = this.#chosen ?? this.#exactItem();
    if (chosen && !this.#chosen) this.#chosen = chosen;
    const closed = this.#isClosed() && !this.empty && !chosen;
    const problem = closed
      ? "Choose one from the list."
      : checkValue(this.option, { empty: this.empty, text: this.text, chosen: Boolean(chosen) });
    if (show) this.#setProblem(problem);
    return problem;
  }

  /** @param {File} file */
  setFile(file) {
    this.#file = file;
    this.#setProblem(null);
    this.#showFile();
  }

  #buildText() {
    const numeric = this.option.type === TYPE.integer || this.option.type === TYPE.number;
    const closed = this.#isClosed();
    if (closed || this.option.autocomplete) {
      this.#list = new OptionList({
        label: this.option.name,
        onChoose: (item) => this.#choose(item),
        onActive: (id) =>
          id
            ? this.input?.setAttribute("aria-activedescendant", id)
            : this.input?.removeAttribute("aria-activedescendant"),
      });
    }
    const common = {
      class: "option-input",
      "aria-labelledby": this.label.id,
      "aria-required": this.option.required ? "true" : null,
      autocomplete: "off",
      spellcheck: this.option.type === TYPE.string && !this.#list ? "true" : "false",
      ...(this.#list
        ? {
            role: "combobox",
            "aria-autocomplete": "list",
            "aria-expanded": "false",
            "aria-controls": this.#list.id,
          }
        : {}),
    };
    const long = this.option.type === TYPE.string && !this.option.choices?.length;
    this.input = /** @type {HTMLTextAreaElement} */ (
      long
        ? h("textarea", { ...common, rows: 1 })
        : h("input", {
            ...common,
            type: "text",
            inputmode: numeric ? (this.option.type === TYPE.integer ? "numeric" : "decimal") : null,
          })
    );
    if (long) this.element.dataset.long = "";
    this.input.addEventListener("input", () => this.#typed());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("focus", () => this.#entered());
    this.input.addEventListener("blur", () => this.#left());
    this.element.appendChild(this.input);
    this.element.addEventListener("click", (event) => {
      if (event.target === this.element || event.target === this.label) this.focus();
    });
  }

  #buildFile() {
    this.chooser = /** @type {HTMLInputElement} */ (
      h("input", { type: "file", hidden: true, tabindex: -1 })
    );
    this.chooser.addEventListener("change", () => {
      const file = this.chooser?.files?.[0];
      if (file) this.setFile(file);
      if (this.chooser) this.chooser.value = "";
      this.focus();
    });
    this.fileButton = h("button", {
      type: "button",
      class: "option-file",
      "aria-describedby": this.label.id,
      onclick: () => this.chooser?.click(),
    });
    this.fileButton.addEventListener("focus", () => this.form.focused(this));
    this.fileButton.addEventListener("keydown", (event) => {
      if (event.key === "Backspace" || event.key === "Delete") this.#backspace(event);
    });
    this.element.append(this.fileButton, this.chooser);
    this.#showFile();
  }

  #showFile() {
    const file = this.#file;
    fill(
      /** @type {HTMLElement} */ (this.fileButton),
      file
        ? [thumbnail(file), h("span", { class: "tray-name" }, file.name)]
        : [icon("image"), "Choose, drop or paste a file"],
    );
    this.element.toggleAttribute("data-filled", Boolean(file));
  }

  /** @param {any} value */
  #prefill(value) {
    if (!this.input) return;
    const item = this.#closedItems().find(
      (one) =>
        one.data === value ||
        one.value === String(value) ||
        one.label.toLowerCase() === String(value).toLowerCase(),
    );
    if (item) this.#take(item);
    else this.input.value = String(value);
    this.#fit();
  }

  #isClosed() {
    const { type, choices } = this.option;
    return (
      Boolean(choices?.length) ||
      [TYPE.boolean, TYPE.user, TYPE.channel, TYPE.role, TYPE.mentionable].includes(type)
    );
  }

  /** @returns {Item[]} every item of a list that is known from the start */
  #closedItems() {
    const { store } = this.form.page;
    const { type, choices } = this.option;
    if (choices?.length) return choices.map(choiceItem);
    const withId = (/** @type {Item} */ item) => ({ ...item, data: item.value });
    if (type === TYPE.boolean)
      return [true, false].map((yes) => ({
        value: String(yes),
        label: yes ? "True" : "False",
        data: yes,
      }));
    if (type === TYPE.user) return people(store).map(withId);
    if (type === TYPE.role) return roles(store).map(withId);
    if (type === TYPE.mentionable) return [...people(store), ...roles(store)].map(withId);
    if (type === TYPE.channel) return channels(store, this.option.channel_types).map(withId);
    return [];
  }

  /** @returns {Item|null} the item whose name was typed in full */
  #exactItem() {
    const text = this.text.trim().toLowerCase();
    if (!text) return null;
    const mention = /^<[@#][!&]?(\d+)>$/.exec(text)?.[1];
    return (
      this.#closedItems().find(
        (item) =>
          item.label.toLowerCase() === text ||
          item.value.toLowerCase() === text ||
          item.value === mention,
      ) ?? null
    );
  }

  #entered() {
    this.form.focused(this);
    this.#openList();
  }

  #left() {
    clearTimeout(this.#timer);
    this.#setList(false);
    if (this.#chosen && this.input && this.input.value !== this.#chosen.label) this.#chosen = null;
    if (!this.empty) this.check();
  }

  #typed() {
    this.#chosen = null;
    if (this.problem) this.#setProblem(null);
    this.#fit();
    this.#openList();
  }

  #openList() {
    if (!this.#list) return;
    if (this.option.autocomplete) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#ask(), DEBOUNCE);
      return;
    }
    const query = this.#chosen ? "" : this.text.trim().toLowerCase();
    const items = this.#closedItems().filter((item) =>
      `${item.label} ${item.detail ?? ""}`.toLowerCase().includes(query),
    );
    this.#list.setItems(items, this.text.trim() && !this.#chosen ? 0 : -1);
    this.#setList(items.length > 0);
  }

  async #ask() {
    this.#question += 1;
    const question = this.#question;
    const choices = await this.form.suggestFor(this);
    if (question !== this.#question || !this.#list || document.activeElement !== this.input) return;
    this.#list.setItems(
      choices.map(choiceItem),
      choices.length && this.text.trim() && !this.#chosen ? 0 : -1,
    );
    this.#setList(choices.length > 0);
  }

  /** @param {boolean} open */
  #setList(open) {
    this.#listOpen = open;
    this.input?.setAttribute("aria-expanded", String(open));
    if (!open) this.input?.removeAttribute("aria-activedescendant");
    if (document.activeElement === this.input) this.form.focused(this);
  }

  /** @param {Item} item */
  #take(item) {
    this.#chosen = item;
    if (this.input) this.input.value = item.label;
    this.#fit();
  }

  /** @param {Item} item */
  #choose(item) {
    this.#take(item);
    this.#question += 1;
    clearTimeout(this.#timer);
    this.#setProblem(null);
    this.#setList(false);
    this.form.next(this);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing) return;
    if (this.#listOpen && this.#list?.handleKey(event)) return;
    const active = this.#listOpen ? this.#list?.activeItem : null;
    if (event.key === "Tab" && active && !event.shiftKey) this.#take(active);
    else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (active) this.#choose(active);
      else this.form.submit();
    } else if (event.key === "Escape" && this.#listOpen) {
      event.stopPropagation();
      this.#setList(false);
    } else if (event.key === "Backspace" && !this.text) this.#backspace(event);
  }

  /** @param {KeyboardEvent} event */
  #backspace(event) {
    event.preventDefault();
    if (this.#file) {
      this.#file = null;
      this.#showFile();
    } else this.form.remove(this);
  }

  /** @param {string|null} problem */
  #setProblem(problem) {
    this.problem = problem;
    this.element.toggleAttribute("data-problem", Boolean(problem));
    const target = this.input ?? this.fileButton;
    if (problem) target?.setAttribute("aria-invalid", "true");
    else target?.removeAttribute("aria-invalid");
    if (document.activeElement === target) this.form.focused(this);
  }

  /** Sizes the box by its text where the browser does not do so itself. */
  #fit() {
    if (!this.input || CSS.supports("field-sizing", "content")) return;
    if (this.input.tagName === "INPUT")
      this.input.style.width = `${Math.max(4, this.text.length + 1)}ch`;
    else {
      this.input.style.height = "auto";
      this.input.style.height = `${this.input.scrollHeight}px`;
    }
  }
}

/** @param {{name: string, value: string|number}} choice @returns {Item} */
function choiceItem(choice) {
  return { value: String(choice.value), label: choice.name, data: choice.value };
}
