/** A command being filled in: its name and one field for each option, in the message box. */

import { nested } from "./commands.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { OptionField } from "./optionfield.js";

/** @typedef {import("./commands.js").Callable} Callable */
/** @typedef {import("./types.js").Option} Option */

const ATTACHMENT = 11;

export class CommandForm {
  /** @type {OptionField[]} */
  fields = [];

  /**
   * @param {import("./app.js").Page} page
   * @param {Callable} entry
   * @param {Record<string, any>} values filled in from the start
   * @param {{onCancel: () => void, onRun: (call: {channelId: string, command: any, label: string, options: any[], files: File[], values: Record<string, any>}) => void}} end
   */
  constructor(page, entry, values, { onCancel, onRun }) {
    this.page = page;
    this.entry = entry;
    this.onCancel = onCancel;
    this.onRun = onRun;
    this.channelId = page.store.channelId ?? "";
    this.chips = h("div", { class: "command-fields" });
    this.more = h("div", {
      class: "command-more",
      role: "toolbar",
      "aria-label": "Optional options",
    });
    this.more.addEventListener("keydown", (event) => this.#walkMore(event));
    this.name = h(
      "button",
      {
        type: "button",
        class: "command-name",
        title: "Leave the command (Escape)",
        "aria-label": `/${entry.name}, leave the command`,
        onclick: onCancel,
      },
      `/${entry.name}`,
      icon("close"),
    );
    this.element = h(
      "div",
      { class: "command-form", role: "group", "aria-label": `/${entry.name}` },
      this.name,
      this.chips,
      this.more,
    );
    this.help = h("div", { class: "panel option-help" });
    for (const option of entry.options)
      if (option.required || option.name in values) this.#add(option, values[option.name]);
    this.#showMore();
    this.#showHelp(null);
  }

  /** Puts the keyboard on the first field that still needs something. */
  focusFirst() {
    const target =
      this.fields.find((field) => field.option.required && field.empty) ?? this.fields[0];
    if (target) target.focus();
    else this.page.composer.sendButton.focus();
  }

  dispose() {
    for (const field of this.fields) field.dispose();
  }

  /** @param {File[]} files @returns {boolean} whether an option could take them */
  takeFiles(files) {
    const free = this.fields.filter((field) => field.option.type === ATTACHMENT && field.empty);
    const spare = this.entry.options.filter(
      (option) => option.type === ATTACHMENT && !this.#fieldFor(option),
    );
    let taken = false;
    for (const file of files) {
      const next = spare[0];
      const field = free.shift() ?? (next ? this.#add(next) : null);
      if (!field) break;
      if (field.option === next) spare.shift();
      field.setFile(file);
      taken = true;
    }
    this.#showMore();
    return taken;
  }

  /** Runs the command, or shows what is missing. */
  submit() {
    const problems = this.fields
      .map((field) => ({ field, problem: field.check() }))
      .filter(({ problem }) => problem);
    if (problems.length) {
      problems[0].field.focus();
      this.#showHelp(problems[0].field);
      return;
    }
    /** @type {File[]} */
    const files = [];
    /** @type {Record<string, any>} */
    const values = {};
    const options = [];
    for (const field of this.fields.filter((one) => !one.empty)) {
      options.push({ name: field.option.name, type: field.option.type, value: field.read(files) });
      if (field.option.type !== ATTACHMENT) values[field.option.name] = field.value;
    }
    this.onRun({
      channelId: this.channelId,
      command: this.entry.command,
      label: `/${this.entry.name}`,
      options: nested(this.entry, options),
      files,
      values,
    });
  }

  /** Asks the bot what could stand in a field. @param {OptionField} focused */
  suggestFor(focused) {
    const options = this.fields
      .filter(
        (field) =>
          field === focused ||
          (!field.empty && field.option.type !== ATTACHMENT && !field.check({ show: false })),
      )
      .map((field) => ({
        name: field.option.name,
        type: field.option.type,
        value: field === focused ? field.text : field.read([]),
        ...(field === focused ? { focused: true } : {}),
      }));
    return this.page.interactions.autocomplete({
      channelId: this.channelId,
      command: this.entry.command,
      options: nested(this.entry, options),
    });
  }

  /** @param {OptionField} field moves on to the next field that is empty */
  next(field) {
    const at = this.fields.indexOf(field);
    const target = this.fields.slice(at + 1).find((one) => one.empty);
    if (target) target.focus();
  }

  /** @param {OptionField} field */
  remove(field) {
    const at = this.fields.indexOf(field);
    if (field.option.required) {
      const before = this.fields[at - 1];
      if (before) before.focus();
      else this.onCancel();
      return;
    }
    this.fields.splice(at, 1);
    field.dispose();
    field.element.remove();
    this.#showMore();
    const target = this.fields[Math.max(0, at - 1)];
    if (target) target.focus();
    else this.focusFirst();
  }

  /** @param {OptionField} field */
  focused(field) {
    this.#showHelp(field);
  }

  /** @param {Option} option @param {any} [value] */
  #add(option, value) {
    const field = new OptionField(this, option, value);
    const order = (/** @type {OptionField} */ one) => this.entry.options.indexOf(one.option);
    const after = this.fields.findIndex(
      (one) => order(one) > order(field) && !(one.option.required && !option.required),
    );
    if (after < 0) {
      this.fields.push(field);
      this.chips.appendChild(field.element);
    } else {
      this.chips.insertBefore(field.element, this.fields[after].element);
      this.fields.splice(after, 0, field);
    }
    return field;
  }

  /** @param {Option} option */
  #fieldFor(option) {
    return this.fields.find((field) => field.option === option);
  }

  #showMore() {
    const spare = this.entry.options.filter((option) => !this.#fieldFor(option));
    this.more.hidden = !spare.length;
    fill(
      this.more,
      spare.map((option, n) =>
        h(
          "button",
          {
            type: "button",
            class: "add-option",
            tabindex: n ? -1 : 0,
            title: option.description ?? null,
            "aria-label": `Add ${option.name}: ${option.description ?? ""}`,
            onclick: () => {
              const field = this.#add(option);
              this.#showMore();
              field.focus();
            },
          },
          icon("plus"),
          option.name,
        ),
      ),
    );
  }

  /** @param {KeyboardEvent} event */
  #walkMore(event) {
    const buttons = /** @type {HTMLElement[]} */ ([...this.more.querySelectorAll("button")]);
    const at = buttons.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    /** @type {Record<string, number>} */
    const moves = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 };
    const target = buttons[moves[event.key]];
    if (!target) return;
    event.preventDefault();
    for (const button of buttons) button.tabIndex = -1;
    target.tabIndex = 0;
    target.focus();
  }

  /** @param {OptionField|null} field the one with the keyboard */
  #showHelp(field) {
    const head = h(
      "div",
      { class: "option-help-head" },
      h("span", { class: "option-help-name" }, field ? field.option.name : `/${this.entry.name}`),
      h(
        "span",
        { class: "option-help-text" },
        field ? (field.option.description ?? "") : this.entry.description,
      ),
    );
    const problem = field?.problem
      ? h("div", { class: "option-problem", role: "alert" }, field.problem)
      : null;
    const words = field ? field.hint : "Enter runs it, Escape leaves it.";
    const hint = words ? h("div", { class: "option-hint" }, words) : null;
    fill(this.help, head, problem ?? hint, field?.suggestions ?? null);
  }
}
