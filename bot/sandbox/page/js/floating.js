/** Floating panels: placed beside what they belong to, closed by Escape or a press elsewhere. */

import { h } from "./dom.js";

const MARGIN = 8;

/**
 * @typedef {object} Floating
 * @property {HTMLElement} element
 * @property {() => void} close
 * @property {() => void} place Puts it in place again, after its size changed.
 * @property {() => void} settle Follows what it belongs to, or closes if that is gone.
 */

/** @type {Floating|null} */
let current = null;

/**
 * Opens a panel; at most one is open at a time.
 *
 * @param {HTMLElement} content
 * @param {{anchor?: Element, point?: {x: number, y: number}, className?: string, matchWidth?: boolean, onClose?: () => void}} where
 * @returns {Floating}
 */
export function float(content, { anchor, point, className = "", matchWidth = false, onClose }) {
  closeFloating();
  const host = anchor?.closest("dialog") ?? document.body;
  const element = h("div", { class: `floating ${className}` }, content);
  const place = () =>
    position(
      element,
      anchor?.getBoundingClientRect() ?? pointRect(point ?? { x: 0, y: 0 }),
      matchWidth,
    );
  const outside = (/** @type {Event} */ event) => {
    const target = /** @type {Node} */ (event.target);
    if (!element.contains(target) && !anchor?.contains(target)) floating.close();
  };
  const moved = (/** @type {Event} */ event) => {
    if (event.target instanceof Node && element.contains(event.target)) return;
    if (anchor?.isConnected) place();
    else if (anchor || event.type === "resize") floating.close();
  };
  /** @type {Floating} */
  const floating = {
    element,
    place,
    close: () => {
      if (current !== floating) return;
      current = null;
      element.remove();
      document.removeEventListener("pointerdown", outside, true);
      window.removeEventListener("resize", moved);
      document.removeEventListener("scroll", moved, true);
      onClose?.();
    },
    settle: () => {
      if (anchor && !anchor.isConnected) floating.close();
      else if (anchor) place();
    },
  };
  host.appendChild(element);
  place();
  document.addEventListener("pointerdown", outside, true);
  window.addEventListener("resize", moved);
  document.addEventListener("scroll", moved, true);
  current = floating;
  return floating;
}

/** Closes whatever panel is open. */
export function closeFloating() {
  current?.close();
}

/** Lets an open panel follow a page that was redrawn. */
export function settleFloating() {
  current?.settle();
}

/** @param {{x: number, y: number}} point */
function pointRect({ x, y }) {
  return new DOMRect(x, y, 0, 0);
}

/** @param {HTMLElement} element @param {DOMRect} anchor @param {boolean} matchWidth */
function position(element, anchor, matchWidth) {
  const view = { width: document.documentElement.clientWidth, height: window.innerHeight };
  if (matchWidth) element.style.minWidth = `${Math.min(anchor.width, view.width - 2 * MARGIN)}px`;
  const below = view.height - anchor.bottom - MARGIN;
  const above = anchor.top - MARGIN;
  element.style.maxHeight = "";
  const height = element.scrollHeight + 2;
  const up = below < height && above > below;
  element.style.maxHeight = `${Math.max(120, Math.min(up ? above : below, 420) - 6)}px`;
  const shown = element.getBoundingClientRect();
  const left = Math.max(MARGIN, Math.min(anchor.left, view.width - shown.width - MARGIN));
  const top = up ? anchor.top - shown.height - 6 : anchor.bottom + 6;
  element.style.left = `${Math.round(left)}px`;
  element.style.top = `${Math.round(Math.max(MARGIN, Math.min(top, view.height - shown.height - MARGIN)))}px`;
}
