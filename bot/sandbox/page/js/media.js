/** Pictures, films, sounds and files, as attachments and as Components V2 show them. */

import { fragment, h, safeUrl } from "./dom.js";
import { icon } from "./icons.js";
import { covered } from "./spoiler.js";

/**
 * @typedef {object} Media
 * @property {string} url
 * @property {string} name
 * @property {string} alt
 * @property {string} kind image, video or audio
 * @property {number=} width
 * @property {number=} height
 * @property {boolean=} spoiler
 */

const LARGEST = { width: 520, height: 420 };

/** The pictures behind the buttons that open them. @type {WeakMap<Element, Media>} */
export const opened = new WeakMap();

/** @param {string|undefined} contentType @param {string} name @returns {"image"|"video"|"audio"|"file"} */
export function kindOf(contentType, name) {
  const kind = (contentType ?? "").split("/")[0];
  if (kind === "image" && !contentType?.startsWith("image/svg")) return "image";
  if (kind === "video" || kind === "audio") return kind;
  if (!contentType && /\.(png|jpe?g|gif|webp|avif)$/i.test(name)) return "image";
  return "file";
}

/** @param {number} bytes @returns {string} "1.4 MB" */
export function fileSize(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/**
 * @param {import("./types.js").Attachment[]} attachments
 * @param {string} key
 * @param {import("./app.js").Page} page
 * @returns {Node}
 */
export function attachmentList(attachments, key, page) {
  /** @type {Media[]} */
  const pictures = [];
  /** @type {Node[]} */
  const others = [];
  for (const one of attachments) {
    const kind = kindOf(one.content_type, one.filename);
    const media = {
      url: one.url,
      name: one.filename,
      alt: one.description ?? "",
      kind,
      width: one.width,
      height: one.height,
      spoiler: one.filename.startsWith("SPOILER_"),
    };
    if (kind === "image" || kind === "video") pictures.push(media);
    else others.push(otherFile(media, one.size, `${key}:${one.id}`, page));
  }
  return fragment(pictures.length ? gallery(pictures, key, page) : null, others);
}

/**
 * Up to ten pictures: one at its own size, more as a quiet grid.
 *
 * @param {Media[]} list
 * @param {string} key
 * @param {import("./app.js").Page} page
 */
export function gallery(list, key, page) {
  const single = list.length === 1;
  const cells = list.map((media, n) => {
    const cell = h("div", { class: "gallery-cell" }, cellContent(media, page, single));
    const address = `${key}:media:${media.name || n}:${n}`;
    return media.spoiler
      ? h("div", { class: "gallery-cell" }, covered(page.store, address, cell.firstChild ?? cell))
      : cell;
  });
  return h(
    "div",
    { class: "gallery", dataset: { count: String(Math.min(list.length, 10)) } },
    cells,
  );
}

/** @param {Media} media @param {import("./app.js").Page} page @param {boolean} single */
function cellContent(media, page, single) {
  const address = safeUrl(media.url);
  if (!address)
    return h("span", { class: "media-broken" }, "This picture's address cannot be used.");
  if (media.kind === "video")
    return h("video", {
      class: "media",
      src: address,
      controls: true,
      preload: "metadata",
      "aria-label": media.alt || media.name,
    });
  const picture = h("img", {
    src: address,
    alt: media.alt || "",
    decoding: "async",
    draggable: "false",
  });
  picture.addEventListener("error", () =>
    button.replaceWith(
      h("span", { class: "media-broken" }, `${media.name || "The picture"} could not be loaded.`),
    ),
  );
  const button = h(
    "button",
    {
      type: "button",
      class: "media",
      "aria-label": `Open picture: ${media.alt || media.name || "no description"}`,
      title: media.alt || null,
      vars: single ? naturalSize(media) : {},
      dataset: single && media.width && media.height ? { sized: "" } : {},
      onclick: () => page.openLightbox(button),
    },
    picture,
  );
  opened.set(button, media);
  return button;
}

/** @param {Media} media @returns {Record<string, string>} the room it will take, so that nothing jumps when it arrives */
function naturalSize({ width, height }) {
  if (!width || !height) return {};
  const scale = Math.min(1, LARGEST.width / width, LARGEST.height / height);
  return { "--width": `${Math.round(width * scale)}px`, "--ratio": `${width} / ${height}` };
}

/** @param {Media} media @param {number} size @param {string} key @param {import("./app.js").Page} page */
function otherFile(media, size, key, page) {
  const address = safeUrl(media.url);
  const node =
    media.kind === "audio" && address
      ? h(
          "div",
          { class: "file file-audio" },
          h("span", { class: "file-name" }, media.name),
          h("audio", { src: address, controls: true, preload: "none" }),
        )
      : fileCard({ name: media.name, url: media.url, size });
  return media.spoiler ? covered(page.store, key, node) : node;
}

/** @param {{name: string, url: string, size?: number}} file */
export function fileCard({ name, url, size }) {
  const address = safeUrl(url);
  return h(
    "div",
    { class: "file" },
    h("span", { class: "file-icon" }, icon("file")),
    h(
      "span",
      { class: "file-text" },
      address
        ? h(
            "a",
            {
              class: "file-name",
              href: address,
              download: name,
              target: "_blank",
              rel: "noopener",
            },
            name,
          )
        : h("span", { class: "file-name" }, name),
      size === undefined ? null : h("span", { class: "file-size" }, fileSize(size)),
    ),
    address
      ? h(
          "a",
          { class: "icon-button", href: address, download: name, "aria-label": `Download ${name}` },
          icon("download"),
        )
      : null,
  );
}

/** @param {File} file @returns {HTMLElement} a small picture of it, or an icon */
export function thumbnail(file) {
  if (!/^image\/(png|jpeg|gif|webp|avif)$/.test(file.type))
    return h("span", { class: "tray-icon" }, icon("file"));
  const address = URL.createObjectURL(file);
  const picture = h("img", { class: "tray-picture", src: safeUrl(address), alt: "" });
  picture.addEventListener("load", () => URL.revokeObjectURL(address));
  picture.addEventListener("error", () => URL.revokeObjectURL(address));
  return picture;
}
