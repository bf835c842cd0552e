/** Files dropped anywhere on the page. */

/**
 * @param {HTMLElement} root where files may be dropped
 * @param {{accepts: () => boolean, onFiles: (files: File[]) => void}} use
 */
export function listenForDrops(root, { accepts, onFiles }) {
  let depth = 0;
  const hasFiles = (/** @type {DragEvent} */ event) =>
    event.dataTransfer?.types.includes("Files") && accepts();
  const show = (/** @type {boolean} */ on) => root.toggleAttribute("data-dropping", on);
  root.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth += 1;
    show(true);
  });
  root.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (!depth) show(false);
  });
  root.addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  root.addEventListener("drop", (event) => {
    depth = 0;
    show(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    onFiles([...(event.dataTransfer?.files ?? [])]);
  });
}
