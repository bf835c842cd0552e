/** Names and faces of people and of the bot. */

import { h, safeUrl } from "./dom.js";

/** @typedef {import("./types.js").User} User */

const PAINTS = 8;

/** @param {User|null|undefined} user @returns {string} */
export function nameOf(user) {
  return user?.display_name || user?.global_name || user?.username || "Unknown";
}

/** A number from 0 to 7 that stays with the person. @param {string} id */
export function paintOf(id) {
  return [...id].reduce((sum, digit) => (sum * 31 + digit.charCodeAt(0)) % 9973, 7) % PAINTS;
}

/**
 * A round picture; the initial stands in where the picture is missing or one of the numbered defaults.
 *
 * @param {User} user
 * @returns {HTMLElement}
 */
export function avatar(user) {
  const initial = [...nameOf(user)].find((letter) => /[\p{L}\p{N}]/u.test(letter)) ?? "·";
  const face = h("span", {
    class: "avatar",
    "aria-hidden": "true",
    dataset: { paint: String(paintOf(user.id)), initial: initial.toUpperCase() },
  });
  const address = safeUrl(user.avatar_url ?? "");
  if (user.avatar_url && address && !address.includes("/embed/avatars/")) {
    const picture = h("img", { src: address, alt: "", loading: "lazy" });
    picture.addEventListener("error", () => picture.remove());
    face.appendChild(picture);
  }
  return face;
}

/** The mark beside a bot's name. */
export function botBadge() {
  return h("span", { class: "badge" }, "App");
}
