/** The large view of a message's pictures. */

import { fill, h, safeUrl, trapTab } from "./dom.js";
import { icon } from "./icons.js";
import { opened } from "./media.js";

/** @typedef {import("./media.js").Media} Media */

/** Opens the picture behind a button, with the other visible pictures of its message beside it. @param {Element} button */
export function openLightbox(button) {
  const scope = button.closest(".message") ?? button.parentElement ?? button;
  const buttons = [...scope.querySelectorAll("button.media")].filter(
    (one) => opened.has(one) && !one.closest("[inert]"),
  );
  const list = /** @type {Media[]} */ (buttons.map((one) => opened.get(one)));
  let at = Math.max(0, buttons.indexOf(button));
  const stage = h("div", { class: "lightbox-stage" });
  const caption = h("div", { class: "lightbox-caption", "aria-live": "polite" });
  const step = (/** @type {number} */ by) => {
    at = (at + by + list.length) % list.length;
    show();
  };
  const arrow = (
    /** @type {string} */ side,
    /** @type {string} */ label,
    /** @type {number} */ by,
  ) =>
    h(
      "button",
      {
        type: "button",
        class: `icon-button lightbox-arrow lightbox-${side}`,
        "aria-label": label,
        onclick: () => step(by),
      },
      icon(side),
    );
  const dialog = /** @type {HTMLDialogElement} */ (
    h(
      "dialog",
      { class: "lightbox", "aria-label": "Picture", "aria-modal": "true" },
      stage,
      list.length > 1
        ? [arrow("left", "Previous picture", -1), arrow("right", "Next picture", 1)]
        : null,
      caption,
      h(
        "button",
        {
          type: "button",
          class: "icon-button lightbox-close",
          "aria-label": "Close",
          autofocus: true,
          onclick: () => dialog.close(),
        },
        icon("close"),
      ),
    )
  );
  function show() {
    const media = list[at];
    const address = safeUrl(media.url);
    const picture = h("img", {
      src: address,
      alt: media.alt || media.name,
      width: media.width,
      height: media.height,
    });
    picture.addEventListener("click", () => stage.toggleAttribute("data-actual"));
    stage.removeAttribute("data-actual");
    fill(stage, picture);
    const size = media.width && media.height ? `${media.width} × ${media.height}` : "";
    fill(
      caption,
      media.alt ? h("p", { class: "lightbox-alt" }, media.alt) : null,
      h(
        "p",
        { class: "lightbox-facts" },
        [list.length > 1 ? `${at + 1} of ${list.length}` : "", media.name, size]
          .filter(Boolean)
          .join(" · "),
        " ",
        h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, "Open original"),
      ),
    );
  }
  dialog.addEventListener("keydown", (event) => {
    trapTab(dialog, event);
    if (event.key === "ArrowRight") step(1);
    if (event.key === "ArrowLeft") step(-1);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target === stage) dialog.close();
  });
  dialog.addEventListener("close", () => {
    // The browser itself has given the focus back to the button.
    dialog.remove();
  });
  show();
  document.body.appendChild(dialog);
  dialog.showModal();
}
