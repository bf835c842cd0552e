/** Message components: rows of buttons and selects, and the Components V2 that lay a message out. */

import { h, safeUrl } from "./dom.js";
import { colorOf, nameIn } from "./embeds.js";
import { emojiOf } from "./emoji.js";
import { icon } from "./icons.js";
import { markdown } from "./markdown.js";
import { fileCard, gallery, kindOf } from "./media.js";
import { SelectControl } from "./selects.js";
import { covered } from "./spoiler.js";

/** @typedef {import("./types.js").Component} Component */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {{message: Message, page: import("./app.js").Page}} Place */

const BUTTON_STYLES = ["", "primary", "secondary", "success", "danger", "link", "premium"];

/** @type {Record<number, (component: Component, key: string, place: Place) => Node>} */
const BUILDERS = {
  1: (component, key, place) =>
    h("div", { class: "c-row" }, children(component.components, key, place)),
  2: button,
  3: select,
  5: select,
  6: select,
  7: select,
  8: select,
  9: section,
  10: (component, key, place) =>
    h("div", { class: "c-text" }, markdown(component.content, place.page.markdownContext(key))),
  11: (component, key, place) =>
    h("div", { class: "c-thumbnail" }, gallery([mediaOf(component)], key, place.page)),
  12: (component, key, place) => gallery(component.items.map(mediaOf), key, place.page),
  13: file,
  14: (component) =>
    h("div", {
      class: component.divider === false ? "c-gap" : "c-gap c-divider",
      role: component.divider === false ? null : "separator",
      dataset: { spacing: String(component.spacing ?? 1) },
    }),
  17: container,
};

/**
 * @param {Message} message
 * @param {import("./app.js").Page} page
 * @returns {Node[]}
 */
export function messageComponents(message, page) {
  return children(message.components ?? [], message.id, { message, page });
}

/** @param {Component[]} list @param {string} key @param {Place} place @returns {Node[]} */
function children(list, key, place) {
  return (list ?? []).map((component, n) => {
    const build = BUILDERS[component.type];
    const address = `${key}:${component.id ?? n}`;
    if (!build)
      return h(
        "div",
        { class: "c-unknown" },
        `A component of type ${component.type}, which this page cannot show.`,
      );
    return build(component, address, place);
  });
}

/** @param {Component} component @param {string} key @param {Place} place */
function button(component, key, place) {
  const style = BUTTON_STYLES[component.style] ?? "secondary";
  const emoji = component.emoji ? emojiOf(component.emoji) : null;
  const content = [
    emoji,
    component.label ? h("span", { class: "button-label" }, component.label) : null,
  ];
  const label = component.label ? null : `Button ${component.emoji?.name ?? ""}`.trim();
  if (style === "link") {
    const address = component.disabled ? null : safeUrl(component.url);
    return h(
      "a",
      {
        class: "button button-link",
        href: address,
        target: "_blank",
        rel: "noopener noreferrer nofollow",
        "aria-label": label,
        "aria-disabled": address ? null : "true",
      },
      content,
      icon("external"),
    );
  }
  return h(
    "button",
    {
      type: "button",
      class: `button button-${style}`,
      disabled: Boolean(component.disabled) || style === "premium",
      "aria-label": label,
      dataset: { customId: component.custom_id ?? "", focusKey: component.custom_id ?? "" },
      onclick: (/** @type {Event} */ event) => {
        if (/** @type {HTMLElement} */ (event.currentTarget).getAttribute("aria-busy") === "true")
          return;
        void place.page.interactions.component({
          message: place.message,
          customId: component.custom_id,
          label: component.label ?? "",
        });
      },
    },
    style === "premium"
      ? [icon("shield"), h("span", { class: "button-label" }, component.label ?? "Buy")]
      : content,
  );
}

/** @param {Component} component @param {string} key @param {Place} place */
function select(component, key, place) {
  const control = new SelectControl(component, place.page.store, {
    onCommit: (values) =>
      void place.page.interactions.component({
        message: place.message,
        customId: component.custom_id,
        values,
        label: component.placeholder ?? "",
      }),
  });
  control.trigger.dataset.customId = component.custom_id;
  control.trigger.dataset.focusKey = component.custom_id;
  return control.element;
}

/** @param {Component} component @param {string} key @param {Place} place */
function section(component, key, place) {
  return h(
    "div",
    { class: "c-section" },
    h("div", { class: "c-section-text" }, children(component.components, key, place)),
    h(
      "div",
      { class: "c-section-accessory" },
      children(component.accessory ? [component.accessory] : [], `${key}:accessory`, place),
    ),
  );
}

/** @param {Component} component @param {string} key @param {Place} place */
function container(component, key, place) {
  const accent =
    component.accent_color === null || component.accent_color === undefined
      ? {}
      : { "--accent-bar": colorOf(component.accent_color) };
  const box = h(
    "div",
    {
      class: "c-container",
      vars: accent,
      dataset: component.accent_color == null ? {} : { accent: "" },
    },
    children(component.components, key, place),
  );
  return component.spoiler ? covered(place.page.store, key, box) : box;
}

/** @param {Component} component @param {string} key @param {Place} place */
function file(component, key, place) {
  const card = fileCard({
    name: component.name || nameIn(component.file.url),
    url: component.file.url,
    size: component.size,
  });
  return component.spoiler ? covered(place.page.store, key, card) : card;
}

/** @param {Record<string, any>} item a gallery item or a thumbnail */
function mediaOf(item) {
  const name = nameIn(item.media.url);
  return {
    url: item.media.url,
    name,
    alt: item.description ?? "",
    kind: kindOf(item.media.content_type, name) === "video" ? "video" : "image",
    width: item.media.width,
    height: item.media.height,
    spoiler: Boolean(item.spoiler),
  };
}
