/** Builds DOM nodes. Text always becomes text nodes, so nothing a person wrote can become markup. */

const SAFE_PROTOCOLS = new Set(["http:", "https:", "blob:"]);

/**
 * An element with attributes, listeners (`onclick: fn`) and children; `null`, `undefined` and `false` are left out.
 *
 * @param {string} tag
 * @param {Record<string, any>|null} [props]
 * @param {...(Node|string|number|null|undefined|false|any[])} children
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "vars")
      for (const [key, v] of Object.entries(value)) element.style.setProperty(key, String(v));
    else if (name === "value") /** @type {HTMLInputElement} */ (element).value = value;
    else
      element.setAttribute(name === "class" ? "class" : name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** @param {Node} parent @param {any} child */
function append(parent, child) {
  if (child === null || child === undefined || child === false) return;
  if (Array.isArray(child)) for (const one of child) append(parent, one);
  else parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
}

/** @param {...any} children @returns {DocumentFragment} */
export function fragment(...children) {
  const node = document.createDocumentFragment();
  append(node, children);
  return node;
}

/** @param {Element} element @param {...any} children */
export function fill(element, ...children) {
  element.replaceChildren(fragment(...children));
}

/**
 * The address if a link or a picture may use it, else null: `javascript:` and its like never pass.
 *
 * @param {unknown} address
 * @returns {string|null}
 */
export function safeUrl(address) {
  if (typeof address !== "string") return null;
  try {
    const url = new URL(address, location.href);
    return SAFE_PROTOCOLS.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

let counter = 0;
/** @param {string} prefix @returns {string} an id no other element has */
export function uniqueId(prefix) {
  counter += 1;
  return `${prefix}-${counter}`;
}

/** Says a sentence to screen readers. @param {string} sentence */
export function announce(sentence) {
  const region = document.getElementById("announcer");
  if (region) region.textContent = sentence;
}

const FOCUSABLE =
  'a[href], button:not([disabled]), input:not([disabled]), textarea:not([disabled]), select:not([disabled]), [tabindex]:not([tabindex="-1"])';

/** @param {Element} root @returns {HTMLElement[]} what Tab can reach inside, in order */
export function focusables(root) {
  return /** @type {HTMLElement[]} */ ([...root.querySelectorAll(FOCUSABLE)]).filter(
    (node) => node.tabIndex >= 0 && node.getClientRects().length > 0,
  );
}

/** Keeps Tab inside `root`; call it from root's keydown listener. @param {HTMLElement} root @param {KeyboardEvent} event */
export function trapTab(root, event) {
  if (event.key !== "Tab") return;
  const nodes = focusables(root);
  if (!nodes.length) return;
  const first = nodes[0];
  const last = nodes[nodes.length - 1];
  const outside = !root.contains(document.activeElement) || document.activeElement === root;
  if (event.shiftKey && (outside || document.activeElement === first)) {
    event.preventDefault();
    last.focus();
  } else if (!event.shiftKey && (outside || document.activeElement === last)) {
    event.preventDefault();
    first.focus();
  }
}
