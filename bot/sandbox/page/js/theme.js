/** Dark or light: the system's wish, until somebody chooses. */

import { recall, remember } from "./memory.js";

const KEY = "sandbox.theme";
const DARK = matchMedia("(prefers-color-scheme: dark)");

/** @returns {"dark"|"light"} what is shown now */
export function theme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "dark" || chosen === "light") return chosen;
  return DARK.matches ? "dark" : "light";
}

/** @param {string|null} linked what the address asks for; it counts for this visit only */
export function startTheme(linked) {
  const wanted = linked ?? recall(KEY);
  if (wanted === "dark" || wanted === "light") document.documentElement.dataset.theme = wanted;
}

export function toggleTheme() {
  const next = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  remember(KEY, next);
}

/** @param {() => void} listener */
export function onSystemTheme(listener) {
  DARK.addEventListener("change", listener);
}
