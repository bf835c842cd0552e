/** Menus: the actions on a message or a person, and the choice of whom to act as. */

import { h } from "./dom.js";
import { float } from "./floating.js";
import { icon } from "./icons.js";

/**
 * @typedef {object} MenuItem
 * @property {string=} label
 * @property {string=} icon
 * @property {Node=} lead instead of an icon
 * @property {string=} detail
 * @property {boolean=} checked makes it one of a set of choices
 * @property {boolean=} danger
 * @property {(() => void)=} action
 * @property {string=} heading a title instead of an action
 * @property {boolean=} line a line instead of an action
 * @property {{label: string, text: string, action: () => void}[]=} strip small buttons side by side
 */

/**
 * @param {MenuItem[]} items
 * @param {{anchor?: Element, point?: {x: number, y: number}, label: string, className?: string}} where
 */
export function openMenu(items, { anchor, point, label, className = "" }) {
  const returnTo = /** @type {HTMLElement|null} */ (document.activeElement);
  let restore = true;
  const run = (/** @type {() => void} */ action) => {
    restore = false;
    floating.close();
    if (returnTo?.isConnected) returnTo.focus({ preventScroll: true });
    action();
  };
  const menu = h(
    "div",
    { class: `menu ${className}`, role: "menu", "aria-label": label, tabindex: -1 },
    items.map((item) => entry(item, run)),
  );
  const targets = () =>
    /** @type {HTMLElement[]} */ ([...menu.querySelectorAll("[role^=menuitem]")]);
  menu.addEventListener("keydown", (event) => {
    event.stopPropagation();
    const nodes = targets();
    const at = nodes.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      floating.close();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const from = at < 0 && step === -1 ? 0 : at;
    const next =
      step !== undefined
        ? nodes[(from + step + nodes.length) % nodes.length]
        : event.key === "Home"
          ? nodes[0]
          : event.key === "End"
            ? nodes[nodes.length - 1]
            : byLetter(nodes, at, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  const floating = float(menu, {
    anchor,
    point,
    className: "menu-floating",
    onClose: () => {
      anchor?.removeAttribute("aria-expanded");
      if (restore && returnTo?.isConnected) returnTo.focus({ preventScroll: true });
    },
  });
  anchor?.setAttribute("aria-expanded", "true");
  const checked = /** @type {HTMLElement|null} */ (menu.querySelector('[aria-checked="true"]'));
  (checked ?? (point ? menu : targets()[0]))?.focus();
}

/** @param {MenuItem} item @param {(action: () => void) => void} run */
function entry(item, run) {
  if (item.line) return h("div", { class: "menu-line", role: "separator" });
  if (item.heading) return h("div", { class: "menu-heading", role: "presentation" }, item.heading);
  if (item.strip) {
    return h(
      "div",
      { class: "menu-strip", role: "group", "aria-label": item.label },
      item.strip.map((one) =>
        h(
          "button",
          {
            type: "button",
            role: "menuitem",
            tabindex: -1,
            class: "menu-strip-item",
            "aria-label": one.label,
            onclick: () => run(one.action),
          },
          one.text,
        ),
      ),
    );
  }
  const choice = item.checked !== undefined;
  return h(
    "button",
    {
      type: "button",
      class: item.danger ? "menu-item menu-danger" : "menu-item",
      role: choice ? "menuitemradio" : "menuitem",
      "aria-checked": choice ? String(item.checked) : null,
      tabindex: -1,
      onclick: () => run(item.action ?? (() => undefined)),
    },
    item.lead ?? (item.icon ? icon(item.icon) : null),
    h("span", { class: "menu-label" }, item.label),
    item.detail ? h("span", { class: "menu-detail" }, item.detail) : null,
    choice && item.checked ? icon("check") : null,
  );
}

/** @param {HTMLElement[]} nodes @param {number} at @param {string} key */
function byLetter(nodes, at, key) {
  if (key.length !== 1) return undefined;
  const order = [...nodes.slice(at + 1), ...nodes.slice(0, at + 1)];
  return order.find((node) => node.textContent?.trim().toLowerCase().startsWith(key.toLowerCase()));
}
