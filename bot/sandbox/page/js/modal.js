/** Forms: the bot's modals, and the page's own small questions in the same dress. */

import { fill, h, trapTab, uniqueId } from "./dom.js";
import { closeFloating } from "./floating.js";
import { buildField } from "./fields.js";
import { icon } from "./icons.js";
import { markdown } from "./markdown.js";

/** @typedef {import("./app.js").Page} Page */
/** @typedef {import("./fields.js").Field} Field */

/**
 * Opens a form; at most one is open.
 *
 * @param {Page} page
 * @param {{title: string, components: any[], submitLabel?: string, onSubmit: (fields: Record<string, any>, files: File[]) => Promise<void>}} form
 *   onSubmit: what it throws is shown in the form, which then stays open
 */
export function openForm(page, { title, components, submitLabel = "Submit", onSubmit }) {
  closeFloating();
  document.querySelector("dialog.modal")?.remove();
  const titleId = uniqueId("modal");
  /** @type {Field[]} */
  const fields = [];
  const body = h(
    "div",
    { class: "modal-body" },
    components.map((component) => row(component, page, fields)),
  );
  const failure = h("div", { class: "failure", role: "alert", hidden: true });
  const send = h("button", { type: "submit", class: "button button-primary" }, submitLabel);
  const form = h(
    "form",
    { class: "modal-form", novalidate: true },
    h(
      "header",
      { class: "modal-head" },
      h("h2", { id: titleId }, title),
      h(
        "button",
        {
          type: "button",
          class: "icon-button",
          "aria-label": "Close",
          onclick: () => dialog.close(),
        },
        icon("close"),
      ),
    ),
    body,
    failure,
    h(
      "footer",
      { class: "modal-foot" },
      h(
        "button",
        { type: "button", class: "button button-quiet", onclick: () => dialog.close() },
        "Cancel",
      ),
      send,
    ),
  );
  const dialog = /** @type {HTMLDialogElement} */ (
    h("dialog", { class: "modal", "aria-labelledby": titleId, "aria-modal": "true" }, form)
  );
  dialog.addEventListener("keydown", (event) => trapTab(dialog, event));
  dialog.addEventListener("pointerdown", (event) => {
    if (event.target === dialog && !fields.some((field) => field.touched())) dialog.close();
  });
  dialog.addEventListener("close", () => {
    closeFloating();
    dialog.remove();
    // The browser gives the focus back, unless its former place has been redrawn since.
    if (document.activeElement === document.body) page.composer.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void submit();
  });
  async function submit() {
    if (send.getAttribute("aria-busy") === "true") return;
    const wrong = fields
      .map((field) => ({ field, problem: field.check() }))
      .find(({ problem }) => problem);
    if (wrong) return wrong.field.focus();
    failure.hidden = true;
    send.setAttribute("aria-busy", "true");
    /** @type {File[]} */
    const files = [];
    const values = Object.fromEntries(fields.map((field) => [field.customId, field.read(files)]));
    try {
      await onSubmit(values, files);
      dialog.close();
    } catch (error) {
      failure.hidden = false;
      fill(failure, /** @type {Error} */ (error).message);
    } finally {
      send.removeAttribute("aria-busy");
    }
    return undefined;
  }
  document.body.appendChild(dialog);
  dialog.showModal();
  if (fields[0]) fields[0].focus();
  else send.focus();
}

/** @param {any} component @param {Page} page @param {Field[]} fields each field found is added @returns {Node|null} */
function row(component, page, fields) {
  if (component.type === 10)
    return h(
      "div",
      { class: "modal-text" },
      markdown(component.content, page.markdownContext("modal")),
    );
  if (component.type === 1)
    return h(
      "div",
      { class: "modal-row" },
      (component.components ?? []).map((/** @type {any} */ inner) =>
        labelled({ label: inner.label ?? "", component: inner }, page, fields),
      ),
    );
  if (component.type === 18) return labelled(component, page, fields);
  return h(
    "div",
    { class: "c-unknown" },
    `A component of type ${component.type}, which this page cannot show.`,
  );
}

/** @param {any} label Discord's Label @param {Page} page @param {Field[]} fields */
function labelled(label, page, fields) {
  const id = uniqueId("field");
  const field = buildField(label.component, page, {
    labelId: id,
    helpId: `${id}-help`,
    label: label.label,
  });
  if (!field)
    return h(
      "div",
      { class: "c-unknown" },
      `A field of type ${label.component?.type}, which this page cannot show.`,
    );
  fields.push(field);
  const name = h(
    field.group ? "div" : "label",
    { class: "field-label", id, for: field.group ? null : field.inputId },
    label.label,
    field.required ? h("span", { class: "field-required", title: "Required" }, " *") : null,
  );
  const inline = label.component.type === 23;
  return h(
    "div",
    { class: inline ? "field field-inline" : "field" },
    inline ? field.element : null,
    h(
      "div",
      { class: "field-words" },
      name,
      h("div", { class: "field-help", id: `${id}-help` }, label.description ?? ""),
    ),
    inline ? null : field.element,
    field.problem,
  );
}
