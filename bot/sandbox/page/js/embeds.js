/** Embeds: the framed cards of ordinary messages. */

import { h, safeUrl } from "./dom.js";
import { markdown } from "./markdown.js";
import { gallery } from "./media.js";
import { dayAndTime } from "./time.js";

/**
 * @param {Record<string, any>} embed Discord's embed object
 * @param {string} key
 * @param {import("./app.js").Page} page
 * @returns {HTMLElement}
 */
export function embedCard(embed, key, page) {
  const context = page.markdownContext(key);
  const inline = (/** @type {string} */ text) => markdown(text, context, { blocks: false });
  return h(
    "div",
    { class: "embed", vars: embed.color ? { "--accent-bar": colorOf(embed.color) } : {} },
    h(
      "div",
      { class: "embed-body" },
      embed.author?.name
        ? h(
            "div",
            { class: "embed-author" },
            smallPicture(embed.author.icon_url),
            maybeLink(embed.author.url, embed.author.name),
          )
        : null,
      embed.title
        ? h("div", { class: "embed-title" }, maybeLink(embed.url, inline(embed.title)))
        : null,
      embed.description
        ? h("div", { class: "embed-text" }, markdown(embed.description, context))
        : null,
      embed.fields?.length
        ? h(
            "dl",
            { class: "embed-fields" },
            embed.fields.map((/** @type {any} */ field) => fieldOf(field, page, key)),
          )
        : null,
    ),
    embed.thumbnail?.url
      ? h("div", { class: "embed-thumbnail" }, picture(embed.thumbnail, `${key}:thumbnail`, page))
      : null,
    embed.image?.url
      ? h("div", { class: "embed-image" }, picture(embed.image, `${key}:image`, page))
      : null,
    embed.footer?.text || embed.timestamp ? footer(embed) : null,
  );
}

/** @param {number} color @returns {string} */
export function colorOf(color) {
  return `#${(Number(color) & 0xffffff).toString(16).padStart(6, "0")}`;
}

/** @param {any} field @param {import("./app.js").Page} page @param {string} key */
function fieldOf(field, page, key) {
  const context = page.markdownContext(key);
  return h(
    "div",
    { class: field.inline ? "embed-field embed-field-inline" : "embed-field" },
    h("dt", null, markdown(field.name, context, { blocks: false })),
    h("dd", null, markdown(field.value, context)),
  );
}

/** @param {any} image @param {string} key @param {import("./app.js").Page} page */
function picture(image, key, page) {
  const media = {
    url: image.url,
    name: nameIn(image.url),
    alt: image.description ?? "",
    kind: "image",
    width: image.width,
    height: image.height,
  };
  return gallery([media], key, page);
}

/** @param {string} url */
export function nameIn(url) {
  const last = String(url).split(/[?#]/)[0].split("/").pop() ?? "";
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/** @param {any} embed */
function footer(embed) {
  const at = embed.timestamp ? Date.parse(embed.timestamp) : NaN;
  const parts = [embed.footer?.text, Number.isNaN(at) ? null : dayAndTime(at)].filter(Boolean);
  return h(
    "div",
    { class: "embed-footer" },
    smallPicture(embed.footer?.icon_url),
    h("span", null, parts.join(" · ")),
  );
}

/** @param {string|undefined} url */
function smallPicture(url) {
  const address = url ? safeUrl(url) : null;
  return address ? h("img", { class: "embed-icon", src: address, alt: "" }) : null;
}

/** @param {string|undefined} url @param {Node|string} content */
function maybeLink(url, content) {
  const address = url ? safeUrl(url) : null;
  return address
    ? h("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow" }, content)
    : h("span", null, content);
}
