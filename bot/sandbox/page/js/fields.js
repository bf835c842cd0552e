/** The fields of a form: text, selects, files, radio buttons, checkboxes. */

import { fill, h, uniqueId } from "./dom.js";
import { icon } from "./icons.js";
import { fileSize, thumbnail } from "./media.js";
import { SelectControl } from "./selects.js";

/** @typedef {import("./app.js").Page} Page */
/** @typedef {{labelId: string, helpId: string, label: string}} Naming */

/**
 * @typedef {object} Field
 * @property {string} customId
 * @property {HTMLElement} element
 * @property {HTMLElement} problem where a sentence appears when something is wrong
 * @property {string=} inputId
 * @property {boolean} group several controls under one name
 * @property {boolean} required
 * @property {() => string|null} check
 * @property {(files: File[]) => any} read the value as the sandbox takes it; files to send are added to the list
 * @property {() => boolean} touched whether something was filled in
 * @property {() => void} focus
 */

/** @param {any} component @param {Page} page @param {Naming} naming @returns {Field|null} null for a type the page does not know */
export function buildField(component, page, naming) {
  switch (component?.type) {
    case 4:
      return textField(component, naming);
    case 3:
    case 5:
    case 6:
    case 7:
    case 8:
      return selectField(component, page, naming);
    case 19:
      return fileField(component, page, naming);
    case 21:
      return choiceField(component, naming, "radio");
    case 22:
      return choiceField(component, naming, "checkbox");
    case 23:
      return checkboxField(component, naming);
    default:
      return null;
  }
}

function problemLine() {
  return h("div", { class: "field-problem", role: "alert" });
}

/** @param {HTMLElement} line @param {HTMLElement|null} control @param {string|null} text */
function tell(line, control, text) {
  line.textContent = text ?? "";
  if (text) control?.setAttribute("aria-invalid", "true");
  else control?.removeAttribute("aria-invalid");
  return text;
}

/** @param {any} component @param {Naming} naming @returns {Field} */
function textField(component, { labelId, helpId }) {
  const long = component.style === 2;
  const inputId = uniqueId("text");
  const most = component.max_length ?? 4000;
  const least = component.min_length ?? 0;
  const required = component.required !== false;
  const input = /** @type {HTMLTextAreaElement} */ (
    h(long ? "textarea" : "input", {
      id: inputId,
      class: "text-input",
      rows: long ? 4 : null,
      type: long ? null : "text",
      placeholder: component.placeholder,
      maxlength: most,
      "aria-labelledby": labelId,
      "aria-describedby": helpId,
      "aria-required": String(required),
      autocomplete: "off",
      value: component.value ?? "",
      dataset: { customId: component.custom_id },
    })
  );
  const start = input.value;
  const problem = problemLine();
  const count = h("div", { class: "field-count", "aria-hidden": "true" });
  const showCount = () =>
    (count.textContent = component.max_length ? `${[...input.value].length} / ${most}` : "");
  showCount();
  input.addEventListener("input", () => {
    showCount();
    tell(problem, input, null);
  });
  const check = () => {
    const length = [...input.value].length;
    if (!input.value.trim() && required) return tell(problem, input, "Fill this in, please.");
    if (length && length < least)
      return tell(problem, input, `Write at least ${least} characters; these are ${length}.`);
    return tell(problem, input, null);
  };
  return {
    customId: component.custom_id,
    element: h("div", { class: "text-field" }, input, count),
    problem,
    inputId,
    group: false,
    required,
    check,
    read: () => input.value,
    touched: () => input.value !== start,
    focus: () => input.focus(),
  };
}

/** @param {any} component @param {Page} page @param {Naming} naming @returns {Field} */
function selectField(component, page, { label, helpId }) {
  const required = component.required !== false;
  const control = new SelectControl(
    { ...component, min_values: required ? component.min_values : 0 },
    page.store,
    { label, describedBy: helpId },
  );
  control.trigger.dataset.customId = component.custom_id;
  const start = control.values.join();
  const problem = problemLine();
  const check = () => {
    const count = control.values.length;
    const least = Math.max(component.min_values ?? 1, required ? 1 : 0);
    if ((required || count) && count < least)
      return tell(
        problem,
        control.trigger,
        least > 1 ? `Choose at least ${least}.` : "Choose one, please.",
      );
    return tell(problem, control.trigger, null);
  };
  return {
    customId: component.custom_id,
    element: control.element,
    problem,
    group: true,
    required,
    check,
    read: () => control.values,
    touched: () => control.values.join() !== start,
    focus: () => control.focus(),
  };
}

/** @param {any} component @param {Page} page @param {Naming} naming @returns {Field} */
function fileField(component, page, { labelId, helpId }) {
  const required = component.required !== false;
  const least = required ? Math.max(1, component.min_values ?? 1) : 0;
  const most = component.max_values ?? 1;
  /** @type {File[]} */
  let chosen = [];
  const problem = problemLine();
  const input = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "file",
      hidden: true,
      multiple: most > 1,
      dataset: { customId: component.custom_id },
      tabindex: -1,
    })
  );
  const button = h(
    "button",
    {
      type: "button",
      class: "drop-zone",
      "aria-describedby": `${labelId} ${helpId}`,
      onclick: () => input.click(),
    },
    icon("image"),
    h("span", null, most > 1 ? `Choose or drop up to ${most} files` : "Choose or drop a file"),
  );
  const list = h("div", { class: "tray" });
  const add = (/** @type {File[]} */ files) => {
    const limit = page.store.known.guild.attachment_size_limit ?? Infinity;
    const fitting = files.filter((file) => file.size <= limit);
    chosen = most === 1 ? fitting.slice(0, 1) : [...chosen, ...fitting].slice(0, most);
    tell(
      problem,
      button,
      fitting.length < files.length ? `Files may be at most ${fileSize(limit)}.` : null,
    );
    show();
  };
  const show = () => {
    list.hidden = !chosen.length;
    fill(
      list,
      chosen.map((file) =>
        h(
          "div",
          { class: "tray-file" },
          thumbnail(file),
          h("span", { class: "tray-name" }, file.name),
          h(
            "button",
            {
              type: "button",
              class: "icon-button small",
              "aria-label": `Remove ${file.name}`,
              onclick: () => {
                chosen = chosen.filter((one) => one !== file);
                show();
                button.focus();
              },
            },
            icon("close"),
          ),
        ),
      ),
    );
  };
  show();
  input.addEventListener("change", () => {
    add([...(input.files ?? [])]);
    input.value = "";
  });
  const element = h("div", { class: "file-field" }, button, input, list);
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    add([...(event.dataTransfer?.files ?? [])]);
  });
  const check = () =>
    tell(
      problem,
      button,
      chosen.length < least
        ? least > 1
          ? `Choose at least ${least} files.`
          : "Choose a file, please."
        : null,
    );
  return {
    customId: component.custom_id,
    element,
    problem,
    group: true,
    required,
    check,
    read: (files) => chosen.map((file) => String(files.push(file) - 1)),
    touched: () => chosen.length > 0,
    focus: () => button.focus(),
  };
}

/** @param {any} component @param {Naming} naming @param {"radio"|"checkbox"} kind @returns {Field} */
function choiceField(component, { labelId, helpId }, kind) {
  const required = component.required !== false;
  const name = uniqueId("choice");
  const options = component.options ?? [];
  const inputs = /** @type {HTMLInputElement[]} */ (
    options.map((/** @type {any} */ option) =>
      h("input", {
        type: kind,
        name,
        checked: Boolean(option.default),
        dataset: { value: option.value, customId: component.custom_id },
      }),
    )
  );
  const problem = problemLine();
  const element = h(
    "div",
    {
      class: "choices",
      role: kind === "radio" ? "radiogroup" : "group",
      "aria-labelledby": labelId,
      "aria-describedby": helpId,
    },
    options.map((/** @type {any} */ option, /** @type {number} */ n) =>
      h(
        "label",
        { class: "choice" },
        inputs[n],
        h(
          "span",
          { class: "choice-text" },
          option.label,
          option.description ? h("small", null, option.description) : null,
        ),
      ),
    ),
  );
  const values = () =>
    inputs.filter((input) => input.checked).map((input) => input.dataset.value ?? "");
  const start = values().join();
  const least =
    kind === "radio" ? (required ? 1 : 0) : required ? Math.max(1, component.min_values ?? 1) : 0;
  const most = kind === "radio" ? 1 : (component.max_values ?? options.length);
  const check = () => {
    const count = values().length;
    if (count < least)
      return tell(
        problem,
        element,
        least > 1 ? `Choose at least ${least}.` : "Choose one, please.",
      );
    return tell(problem, element, count > most ? `Choose at most ${most}.` : null);
  };
  element.addEventListener("change", () => tell(problem, element, null));
  return {
    customId: component.custom_id,
    element,
    problem,
    group: true,
    required,
    check,
    read: () => (kind === "radio" ? (values()[0] ?? null) : values()),
    touched: () => values().join() !== start,
    focus: () => (inputs.find((input) => input.checked) ?? inputs[0])?.focus(),
  };
}

/** @param {any} component @param {Naming} naming @returns {Field} */
function checkboxField(component, { helpId }) {
  const inputId = uniqueId("check");
  const input = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "checkbox",
      id: inputId,
      checked: Boolean(component.default),
      "aria-describedby": helpId,
      dataset: { customId: component.custom_id },
    })
  );
  const start = input.checked;
  return {
    customId: component.custom_id,
    element: input,
    problem: problemLine(),
    inputId,
    group: false,
    required: false,
    check: () => null,
    read: () => input.checked,
    touched: () => input.checked !== start,
    focus: () => input.focus(),
  };
}
