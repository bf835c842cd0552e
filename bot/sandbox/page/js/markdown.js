/** Discord's markdown, parsed into DOM nodes. Source text only ever becomes text nodes. */

import { fragment, h, safeUrl } from "./dom.js";
import { timeElement } from "./time.js";

const MAX_DEPTH = 10;

/**
 * @typedef {object} MarkdownContext What mentions and spoilers need to know.
 * @property {(id: string) => string|null} userName
 * @property {(id: string) => string|null} channelName
 * @property {(id: string) => string|null} roleName
 * @property {(id: string) => void} openChannel
 * @property {string} me
 * @property {(key: string) => boolean} isRevealed
 * @property {(key: string) => void} reveal
 * @property {string} key Names the text, so that a revealed spoiler stays revealed.
 */

/**
 * @param {string} source
 * @param {MarkdownContext} context
 * @param {{blocks?: boolean}} [rules] blocks: false leaves headings, lists and quotes as they are
 * @returns {DocumentFragment}
 */
export function markdown(source, context, { blocks = true } = {}) {
  const state = { context, spoilers: 0 };
  const text = String(source ?? "").replace(/\r\n?/g, "\n");
  return fragment(blocks ? parseBlocks(text, state, 0) : parseInline(text, state, 0));
}

/** The text without its marks, for previews on one line. @param {string} source @param {MarkdownContext} context */
export function plainText(source, context) {
  const bare = String(source ?? "").replace(/^(?:>>> |> |-# |#{1,3} |[-*] )+/gm, "");
  const holder = h("div", null, markdown(bare, context, { blocks: false }));
  for (const node of holder.querySelectorAll(".spoiler")) node.textContent = "▇▇▇▇";
  return (holder.textContent ?? "").replace(/\s+/g, " ").trim();
}

/** @typedef {{context: MarkdownContext, spoilers: number}} ParseState */

const FENCE = /```(?:([\w+#.-]{1,30})\n)?\n?([\s\S]*?)\n?```/y;
const HEADING = /(#{1,3}) +([^\n]+)(?:\n|$)/y;
const SUBTEXT = /-# +([^\n]+)(?:\n|$)/y;
const QUOTE_REST = />>> ([\s\S]*)$/y;
const QUOTE = /(?:> [^\n]*(?:\n|$)|>(?:\n|$))+/y;
const LIST_LINE = /^( *)([-*]|\d{1,9}\.) +(.*)$/;

/** @param {string} text @param {ParseState} state @param {number} depth @returns {Node[]} */
function parseBlocks(text, state, depth) {
  /** @type {Node[]} */
  const out = [];
  let at = 0;
  let from = 0;
  const flush = (/** @type {number} */ to) => {
    if (to > from) out.push(...parseInline(text.slice(from, to), state, depth));
  };
  while (at < text.length) {
    const block = depth < MAX_DEPTH ? blockAt(text, at, state, depth) : null;
    if (block) {
      flush(at);
      out.push(block.node);
      at = from = block.end;
    } else {
      at = nextCandidate(text, at);
    }
  }
  flush(text.length);
  return out;
}

/** The next place at which a block could begin: a line's start or a code fence. @param {string} text @param {number} at */
function nextCandidate(text, at) {
  const line = text.indexOf("\n", at);
  const fence = text.indexOf("```", at + 1);
  const next = line === -1 ? text.length : line + 1;
  return fence !== -1 && fence < next ? fence : next;
}

/**
 * @param {string} text @param {number} at @param {ParseState} state @param {number} depth
 * @returns {{node: Node, end: number}|null}
 */
function blockAt(text, at, state, depth) {
  const fence = match(FENCE, text, at);
  if (fence && fence[2].trim()) {
    const end = at + fence[0].length;
    return { node: codeBlock(fence[2], fence[1]), end: text[end] === "\n" ? end + 1 : end };
  }
  if (at > 0 && text[at - 1] !== "\n") return null;
  const heading = match(HEADING, text, at);
  if (heading) {
    const level = heading[1].length;
    return {
      node: h(
        "div",
        { class: `md-heading md-h${level}`, role: "heading", "aria-level": level + 2 },
        parseInline(heading[2], state, depth + 1),
      ),
      end: at + heading[0].length,
    };
  }
  const subtext = match(SUBTEXT, text, at);
  if (subtext) {
    return {
      node: h("small", { class: "md-subtext" }, parseInline(subtext[1], state, depth + 1)),
      end: at + subtext[0].length,
    };
  }
  const rest = match(QUOTE_REST, text, at);
  if (rest)
    return {
      node: h("blockquote", null, parseBlocks(rest[1], state, depth + 1)),
      end: text.length,
    };
  const quote = match(QUOTE, text, at);
  if (quote) {
    const inner = quote[0].replace(/\n$/, "").replace(/^> ?/gm, "");
    return {
      node: h("blockquote", null, parseBlocks(inner, state, depth + 1)),
      end: at + quote[0].length,
    };
  }
  return listAt(text, at, state, depth);
}

/** @param {string} code @param {string|undefined} language */
function codeBlock(code, language) {
  return h(
    "pre",
    { class: "md-pre", tabindex: 0, "aria-label": language ? `Code, ${language}` : "Code" },
    h("code", null, code),
  );
}

/**
 * @param {string} text @param {number} at @param {ParseState} state @param {number} depth
 * @returns {{node: Node, end: number}|null}
 */
function listAt(text, at, state, depth) {
  /** @type {{indent: number, ordered: boolean, start: number, body: string}[]} */
  const items = [];
  let end = at;
  while (end < text.length) {
    const stop = text.indexOf("\n", end) === -1 ? text.length : text.indexOf("\n", end);
    const found = LIST_LINE.exec(text.slice(end, stop));
    if (!found || !found[3].trim() || (!items.length && found[1].length > 1)) break;
    const ordered = /\d/.test(found[2]);
    if (items.length && found[1].length < 2 && ordered !== items[0].ordered) break;
    items.push({
      indent: Math.floor(found[1].length / 2),
      ordered,
      start: parseInt(found[2], 10) || 1,
      body: found[3],
    });
    end = Math.min(stop + 1, text.length);
  }
  if (!items.length) return null;
  return { node: buildList(items, state, depth), end };
}

/** @param {{indent: number, ordered: boolean, start: number, body: string}[]} items @param {ParseState} state @param {number} depth */
function buildList(items, state, depth) {
  const root = h(items[0].ordered ? "ol" : "ul", {
    class: "md-list",
    start: items[0].ordered ? items[0].start : null,
  });
  /** @type {{indent: number, list: HTMLElement}[]} */
  const stack = [{ indent: items[0].indent, list: root }];
  for (const item of items) {
    while (stack.length > 1 && item.indent < stack[stack.length - 1].indent) stack.pop();
    let top = stack[stack.length - 1];
    const last = top.list.lastElementChild;
    if (item.indent > top.indent && last && stack.length < MAX_DEPTH) {
      const list = h(item.ordered ? "ol" : "ul", {
        class: "md-list",
        start: item.ordered ? item.start : null,
      });
      last.appendChild(list);
      top = { indent: item.indent, list };
      stack.push(top);
    }
    top.list.appendChild(h("li", null, parseInline(item.body, state, depth + 1)));
  }
  return root;
}

const PAIRS = /** @type {[string, (children: Node[], state: ParseState) => Node][]} */ ([
  ["***", (children) => h("strong", null, h("em", null, children))],
  ["**", (children) => h("strong", null, children)],
  ["__", (children) => h("u", null, children)],
  ["~~", (children) => h("s", null, children)],
  ["||", spoiler],
  ["*", (children) => h("em", null, children)],
  ["_", (children) => h("em", null, children)],
]);

const TIMESTAMP = /<t:(-?\d{1,13})(?::([tTdDfFR]))?>/y;
const MENTION = /<(@[!&]?|#)(\d{1,20})>/y;
const COMMAND = /<\/([^:<>\n]{1,100}):\d{1,20}>/y;
const EMOJI = /<a?:(\w{2,32}):\d{1,20}>/y;
const ANGLE_LINK = /<(https?:\/\/[^\s<>]+)>/y;
const LINK =
  /\[((?:\\.|[^\]\\\n]){1,400})\]\(<?(https?:\/\/[^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?: "[^"\n]*")?\)/y;
const BARE_LINK = /https?:\/\/[^\s<>]+/y;
const EVERYONE = /@(?:everyone|here)\b/y;
const SPECIAL = /[\\`*_~|<[@]|https?:/g;

/** @param {string} text @param {ParseState} state @param {number} depth @returns {Node[]} */
function parseInline(text, state, depth) {
  if (depth > MAX_DEPTH) return [document.createTextNode(text)];
  /** @type {Node[]} */
  const out = [];
  let plain = "";
  const flush = () => {
    if (plain) out.push(document.createTextNode(plain));
    plain = "";
  };
  let at = 0;
  while (at < text.length) {
    SPECIAL.lastIndex = at;
    const next = SPECIAL.exec(text);
    if (!next) break;
    plain += text.slice(at, next.index);
    at = next.index;
    if (text[at] === "\\" && at + 1 < text.length && /[^\w\s]/.test(text[at + 1])) {
      plain += text[at + 1];
      at += 2;
      continue;
    }
    const found = inlineAt(text, at, state, depth);
    if (found) {
      flush();
      out.push(found.node);
      at = found.end;
    } else {
      plain += text[at];
      at += 1;
    }
  }
  plain += text.slice(at);
  flush();
  return out;
}

/**
 * @param {string} text @param {number} at @param {ParseState} state @param {number} depth
 * @returns {{node: Node, end: number}|null}
 */
function inlineAt(text, at, state, depth) {
  if (text[at] === "<") return angleAt(text, at, state);
  if (text[at] === "`") {
    const code = codeAt(text, at);
    const node =
      code.content === null
        ? document.createTextNode(text.slice(at, code.end))
        : h("code", { class: "md-code" }, code.content.replace(/^ (.*) $/s, "$1"));
    return { node, end: code.end };
  }
  if (text[at] === "[") {
    const link = match(LINK, text, at);
    return (
      link && {
        node: anchor(link[2], parseInline(link[1], state, depth + 1)),
        end: at + link[0].length,
      }
    );
  }
  if (text[at] === "@") {
    const everyone = match(EVERYONE, text, at);
    return (
      everyone && {
        node: h("span", { class: "mention" }, everyone[0]),
        end: at + everyone[0].length,
      }
    );
  }
  if (text[at] === "h") {
    const link = match(BARE_LINK, text, at);
    if (!link) return null;
    const address = trimAddress(link[0]);
    return { node: anchor(address, [document.createTextNode(address)]), end: at + address.length };
  }
  return pairAt(text, at, state, depth);
}

/** @param {string} text @param {number} at @param {ParseState} state */
function angleAt(text, at, state) {
  const stamp = match(TIMESTAMP, text, at);
  if (stamp)
    return {
      node: timeElement(Number(stamp[1]) * 1000, stamp[2] ?? "f"),
      end: at + stamp[0].length,
    };
  const mention = match(MENTION, text, at);
  if (mention)
    return {
      node: mentionNode(mention[1], mention[2], state.context),
      end: at + mention[0].length,
    };
  const command = match(COMMAND, text, at);
  if (command)
    return { node: h("span", { class: "mention" }, `/${command[1]}`), end: at + command[0].length };
  const emoji = match(EMOJI, text, at);
  if (emoji)
    return { node: h("span", { class: "md-emoji" }, `:${emoji[1]}:`), end: at + emoji[0].length };
  const link = match(ANGLE_LINK, text, at);
  return (
    link && { node: anchor(link[1], [document.createTextNode(link[1])]), end: at + link[0].length }
  );
}

/** @param {string} mark @param {string} id @param {MarkdownContext} context */
function mentionNode(mark, id, context) {
  if (mark === "#") {
    const name = context.channelName(id);
    if (name === null) return h("span", { class: "mention" }, "#unknown");
    return h(
      "button",
      { type: "button", class: "mention", onclick: () => context.openChannel(id) },
      `#${name}`,
    );
  }
  if (mark === "@&")
    return h("span", { class: "mention" }, `@${context.roleName(id) ?? "unknown role"}`);
  const mine = id === context.me;
  return h(
    "span",
    { class: mine ? "mention mention-me" : "mention" },
    `@${context.userName(id) ?? "unknown user"}`,
  );
}

/** @param {string} text @param {number} at @param {ParseState} state @param {number} depth */
function pairAt(text, at, state, depth) {
  for (const [mark, build] of PAIRS) {
    if (!text.startsWith(mark, at)) continue;
    if (mark === "_" && /\w/.test(text[at - 1] ?? "")) continue;
    const open = at + mark.length;
    const close = findClose(text, open, mark);
    if (close === -1) continue;
    const inner = text.slice(open, close);
    if (!inner.trim() || (mark.length === 1 && /^\s|\s$/.test(inner))) continue;
    return { node: build(parseInline(inner, state, depth + 1), state), end: close + mark.length };
  }
  return null;
}

/**
 * Code between two runs of equally many backticks; in time that grows with the text only.
 *
 * @param {string} text @param {number} at the first backtick of a run
 * @returns {{content: string|null, end: number}} content null: the run is not closed, and ends there
 */
function codeAt(text, at) {
  const open = runLength(text, at);
  let close = text.indexOf("`", at + open);
  while (close !== -1) {
    const length = runLength(text, close);
    if (length === open) return { content: text.slice(at + open, close), end: close + length };
    close = text.indexOf("`", close + length);
  }
  return { content: null, end: at + open };
}

/** @param {string} text @param {number} at */
function runLength(text, at) {
  let end = at;
  while (text[end] === "`") end += 1;
  return end - at;
}

/** Where the closing mark stands, skipping escapes and code; -1 if nowhere. @param {string} text @param {number} from @param {string} mark */
function findClose(text, from, mark) {
  const single = mark.length === 1;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === "\\") {
      at += 1;
    } else if (text[at] === "`") {
      at = codeAt(text, at).end - 1;
    } else if (text.startsWith(mark, at)) {
      if (single && text[at + 1] === mark) {
        at += 1;
        continue;
      }
      if (mark === "_" && /\w/.test(text[at + 1] ?? "")) continue;
      if (mark === "**" && text.startsWith("***", at) && text[at + 3] !== "*") return at + 1;
      return at;
    }
  }
  return -1;
}

/** @param {Node[]} children @param {ParseState} state */
function spoiler(children, state) {
  state.spoilers += 1;
  const key = `${state.context.key}:text:${state.spoilers}`;
  const open = state.context.isRevealed(key);
  const node = h(
    "span",
    { class: "spoiler", dataset: open ? { open: "" } : {} },
    h("span", { class: "spoiler-text" }, children),
  );
  if (open) return node;
  node.setAttribute("role", "button");
  node.setAttribute("tabindex", "0");
  node.setAttribute("aria-label", "Spoiler, press to reveal");
  const reveal = (/** @type {Event} */ event) => {
    if (node.dataset.open !== undefined) return;
    event.preventDefault();
    event.stopPropagation();
    state.context.reveal(key);
    node.dataset.open = "";
    for (const name of ["role", "tabindex", "aria-label"]) node.removeAttribute(name);
  };
  node.addEventListener("click", reveal, { capture: true });
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") reveal(event);
  });
  return node;
}

/** @param {string} address @param {Node[]} children */
function anchor(address, children) {
  const url = safeUrl(address);
  if (url === null) return h("span", null, children);
  return h(
    "a",
    { href: url, target: "_blank", rel: "noopener noreferrer nofollow", class: "md-link" },
    children,
  );
}

/** A bare address without the punctuation that belongs to the sentence. @param {string} address */
function trimAddress(address) {
  let text = address.replace(/[.,:;"'\]|*_~!?]+$/, "");
  while (text.endsWith(")") && text.split(")").length > text.split("(").length)
    text = text.slice(0, -1);
  return text;
}

/** @param {RegExp} rule a sticky expression @param {string} text @param {number} at */
function match(rule, text, at) {
  rule.lastIndex = at;
  return rule.exec(text);
}
