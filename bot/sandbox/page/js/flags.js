/** The flags of a message that change how it is shown. */

/** @typedef {import("./types.js").Message} Message */

export const NO_EMBEDS = 4;
export const EPHEMERAL = 64;
export const LOADING = 128;
export const COMPONENTS_V2 = 32768;

/** @param {Message} message @param {number} flag */
export function hasFlag(message, flag) {
  return ((message.flags ?? 0) & flag) !== 0;
}
