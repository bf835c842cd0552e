/** What a command option takes: in words, and as a check before anything is sent. */

/** @typedef {import("./types.js").Option} Option */

const KINDS = /** @type {Record<number, string>} */ ({
  4: "A whole number",
  5: "True or false",
  6: "A person",
  7: "A channel",
  8: "A role",
  9: "A person or a role",
  10: "A number",
  11: "A file",
});

/** @param {Option} option @returns {string} "" where there is nothing to say */
export function hintFor(option) {
  const kind = option.choices?.length ? "One of the list" : (KINDS[option.type] ?? "");
  const range = option.choices?.length ? "" : rangeOf(option);
  const parts = [kind, range].filter(Boolean).join(" ");
  return [parts, option.required ? "" : parts ? "optional" : ""].filter(Boolean).join(" · ");
}

/** @param {Option} option */
function rangeOf({ min_value: low, max_value: high, min_length: short, max_length: long }) {
  if (low !== undefined && high !== undefined) return `from ${low} to ${high}`;
  if (low !== undefined) return `of at least ${low}`;
  if (high !== undefined) return `of at most ${high}`;
  if (short !== undefined && long !== undefined) return `${short} to ${long} characters`;
  if (long !== undefined) return `Up to ${long} characters`;
  return short !== undefined && short > 1 ? `At least ${short} characters` : "";
}

/**
 * @param {Option} option
 * @param {{empty: boolean, text: string, chosen: boolean}} given chosen: picked from a list, so its value is sound
 * @returns {string|null} what is wrong, as a sentence
 */
export function checkValue(option, { empty, text, chosen }) {
  if (empty) return option.required ? `Fill in ${option.name}; the command needs it.` : null;
  if (chosen || option.type === 11) return null;
  if (option.type === 4 || option.type === 10) return checkNumber(option, text.trim());
  const length = [...text].length;
  if (option.max_length !== undefined && length > option.max_length)
    return `Shorten this to ${option.max_length} characters; it has ${length}.`;
  if (option.min_length !== undefined && length < option.min_length)
    return `Write at least ${option.min_length} characters.`;
  return null;
}

/** @param {Option} option @param {string} text */
function checkNumber(option, text) {
  const whole = option.type === 4;
  if (!(whole ? /^-?\d+$/ : /^-?\d+(\.\d+)?$/).test(text))
    return whole ? "Write a whole number, such as 20." : "Write a number, such as 7.5.";
  const value = Number(text);
  if (option.min_value !== undefined && value < option.min_value)
    return `Write a number of at least ${option.min_value}.`;
  if (option.max_value !== undefined && value > option.max_value)
    return `Write a number of at most ${option.max_value}.`;
  return whole && !Number.isSafeInteger(value) ? "That number is too large." : null;
}
