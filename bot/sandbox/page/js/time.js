/** Dates in words, by the sandbox's clock, and relative times that keep themselves current. */

import { h } from "./dom.js";

const DAY = 86_400_000;
const UNITS = /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([
  ["year", 365 * DAY],
  ["month", 30 * DAY],
  ["day", DAY],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
]);
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "always" });

/** @type {Record<string, Intl.DateTimeFormatOptions>} */
const STYLES = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
};

let offset = 0;

/** Sets the sandbox's clock by an answer of the server. @param {string|undefined} iso */
export function setClock(iso) {
  const at = iso ? Date.parse(iso) : NaN;
  offset = Number.isNaN(at) ? 0 : at - Date.now();
}

/** @returns {number} milliseconds since 1970, by the sandbox's clock */
export function now() {
  return Date.now() + offset;
}

/**
 * Discord's timestamp style letters (t T d D f F R); an unknown one counts as f.
 *
 * @param {number} at milliseconds since 1970
 * @param {string} [style]
 * @returns {string}
 */
export function formatTime(at, style = "f") {
  if (style === "R") return relative(at);
  return new Intl.DateTimeFormat(undefined, STYLES[style] ?? STYLES.f).format(at);
}

/** @param {number} at */
function relative(at) {
  const distance = at - now();
  for (const [unit, length] of UNITS) {
    if (Math.abs(distance) >= length || unit === "second") {
      return RELATIVE.format(Math.trunc(distance / length), unit);
    }
  }
  return "";
}

/** "Today at 14:03", "Yesterday at 9:30", or the date. @param {number} at */
export function dayAndTime(at) {
  const time = formatTime(at, "t");
  const days = daysAgo(at);
  if (days === 0) return `Today at ${time}`;
  if (days === 1) return `Yesterday at ${time}`;
  return `${formatTime(at, "d")} ${time}`;
}

/** @param {number} at @returns {number} whole calendar days between that moment and today */
export function daysAgo(at) {
  const midnight = (/** @type {number} */ moment) => new Date(moment).setHours(0, 0, 0, 0);
  return Math.round((midnight(now()) - midnight(at)) / DAY);
}

/** A `<time>` element; style R stays current by itself. @param {number} at @param {string} style */
export function timeElement(at, style) {
  const date = new Date(at);
  const valid = !Number.isNaN(date.getTime());
  return h(
    "time",
    {
      class: "timestamp",
      datetime: valid ? date.toISOString() : null,
      title: valid ? formatTime(at, "F") : null,
      dataset: style === "R" && valid ? { relative: String(at) } : {},
    },
    valid ? formatTime(at, style) : "Invalid date",
  );
}

/** Starts the one ticker that keeps every relative time on the page current. */
export function startClock() {
  setInterval(() => {
    for (const node of document.querySelectorAll("time[data-relative]")) {
      const text = relative(Number(/** @type {HTMLElement} */ (node).dataset.relative));
      if (node.textContent !== text) node.textContent = text;
    }
  }, 1000);
}
