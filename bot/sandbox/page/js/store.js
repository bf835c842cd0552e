/** What the page knows: people, channels, commands, messages, and what waits for an answer. */

import { hasFlag, LOADING } from "./flags.js";
import { setClock } from "./time.js";

/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").Channel} Channel */
/** @typedef {import("./types.js").Pending} Pending */
/** @typedef {import("./types.js").User} User */

const TYPING_FOR = 10_000;

/**
 * Events: `state`, `channels`, `channel` (another one is open), `messages` (the open channel's list was loaded),
 * `message` (detail {kind, message, own}), `pending`, `typing`, `bot`, `commands`, `unread`, `connection`.
 */
export class Store extends EventTarget {
  /** @type {State|null} */
  state = null;
  /** @type {string|null} */
  channelId = null;
  connected = false;
  /** @type {Map<string, Message[]>} */
  messages = new Map();
  /** @type {Set<string>} channels whose oldest message is loaded */
  complete = new Set();
  /** @type {Map<string, Pending>} by nonce */
  pending = new Map();
  /** @type {Map<string, Map<string, ReturnType<typeof setTimeout>>>} */
  typing = new Map();
  /** @type {Map<string, number>} unread messages by channel */
  unread = new Map();
  /** @type {Set<string>} spoilers this member has opened */
  revealed = new Set();

  /** @param {string} name @param {any} [detail] */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** @param {string} name @param {(detail: any) => void} listener */
  on(name, listener) {
    this.addEventListener(name, (event) => listener(/** @type {CustomEvent} */ (event).detail));
  }

  /** @returns {State} @throws {Error} before the first state has come */
  get known() {
    if (!this.state) throw new Error("the sandbox has sent no state yet");
    return this.state;
  }

  /** @param {State} state */
  setState(state) {
    setClock(state.now);
    this.state = state;
    this.emit("state");
  }

  /** Forgets what one member saw, before another one takes over. */
  forget() {
    this.messages.clear();
    this.complete.clear();
    this.pending.clear();
    this.unread.clear();
    this.typing.clear();
    this.revealed.clear();
  }

  /** @param {boolean} connected */
  setConnected(connected) {
    this.connected = connected;
    this.emit("connection");
  }

  /** @returns {Channel|null} */
  get channel() {
    return this.channelId ? this.findChannel(this.channelId) : null;
  }

  /** @param {string} id @returns {Channel|null} */
  findChannel(id) {
    return this.state?.channels.find((channel) => channel.id === id) ?? null;
  }

  /** @param {string} id @returns {User|null} */
  findUser(id) {
    if (!this.state) return null;
    if (this.state.bot.user.id === id) return this.state.bot.user;
    return this.state.users.find((user) => user.id === id) ?? null;
  }

  /** @param {string} id */
  openChannel(id) {
    this.channelId = id;
    this.unread.delete(id);
    this.emit("channel");
    this.emit("unread");
  }

  /**
   * @param {string} channelId
   * @param {Message[]} list the newest, oldest first
   * @param {{complete: boolean, again?: boolean}} how again: the channel was open already, so what is further up stays
   */
  setMessages(channelId, list, { complete, again = false }) {
    const known =
      again && list.length
        ? (this.messages.get(channelId) ?? []).filter((message) => isNewer(list[0].id, message.id))
        : [];
    this.messages.set(channelId, [...known, ...list]);
    if (complete) this.complete.add(channelId);
    else if (!again) this.complete.delete(channelId);
    this.#settlePending(list);
    this.emit("messages", { channelId, again });
  }

  /** @param {string} channelId @param {Message[]} older @param {boolean} complete */
  prependMessages(channelId, older, complete) {
    const known = this.messages.get(channelId) ?? [];
    const ids = new Set(known.map((message) => message.id));
    this.messages.set(channelId, [...older.filter((message) => !ids.has(message.id)), ...known]);
    if (complete) this.complete.add(channelId);
    this.emit("messages", { channelId, older: true });
  }

  /** @param {Message} message */
  upsert(message) {
    this.stopTyping(message.channel_id, message.author.id);
    this.#settlePending([message]);
    const list = this.messages.get(message.channel_id);
    const own = message.author.id === this.state?.me.id;
    const at = list ? list.findIndex((one) => one.id === message.id) : -1;
    if (list && at >= 0) {
      if (JSON.stringify(list[at]) === JSON.stringify(message)) return;
      list[at] = message;
    }
    if (list && at < 0) insertById(list, message);
    if (at < 0) this.#countUnread(message);
    this.emit("message", { kind: at < 0 ? "create" : "update", message, own });
  }

  /** @param {string} channelId @param {string} id */
  remove(channelId, id) {
    const list = this.messages.get(channelId);
    if (!list) return;
    this.messages.set(
      channelId,
      list.filter((message) => message.id !== id),
    );
    this.emit("message", { kind: "delete", message: { id, channel_id: channelId }, own: false });
  }

  /** @param {Channel} channel */
  upsertChannel(channel) {
    const state = this.known;
    const at = state.channels.findIndex((one) => one.id === channel.id);
    if (at >= 0) state.channels[at] = channel;
    else state.channels.push(channel);
    this.emit("channels");
  }

  /** @param {string} id */
  removeChannel(id) {
    const state = this.known;
    state.channels = state.channels.filter((channel) => channel.id !== id);
    this.messages.delete(id);
    this.emit("channels");
  }

  /** @param {string} channelId @param {string} userId */
  startTyping(channelId, userId) {
    const people = this.typing.get(channelId) ?? new Map();
    clearTimeout(people.get(userId));
    people.set(
      userId,
      setTimeout(() => this.stopTyping(channelId, userId), TYPING_FOR),
    );
    this.typing.set(channelId, people);
    this.emit("typing");
  }

  /** @param {string} channelId @param {string} userId */
  stopTyping(channelId, userId) {
    const people = this.typing.get(channelId);
    if (!people?.has(userId)) return;
    clearTimeout(people.get(userId));
    people.delete(userId);
    this.emit("typing");
  }

  /** @param {Pending} pending */
  setPending(pending) {
    this.pending.set(pending.nonce, pending);
    this.emit("pending", pending);
  }

  /** @param {string} nonce */
  dropPending(nonce) {
    const pending = this.pending.get(nonce);
    if (!pending) return;
    this.pending.delete(nonce);
    this.emit("pending", pending);
  }

  /** @param {Pending} pending @returns {boolean} whether a message of that interaction is already here */
  hasAnswer(pending) {
    const list = this.messages.get(pending.channelId) ?? [];
    return list.some((message) => message.interaction_metadata?.id === pending.interactionId);
  }

  /** A command's answer has become a message: its waiting line goes. @param {Message[]} list */
  #settlePending(list) {
    for (const pending of [...this.pending.values()]) {
      if (pending.kind !== "command" || !pending.interactionId || pending.state === "failed")
        continue;
      if (list.some((message) => message.interaction_metadata?.id === pending.interactionId))
        this.dropPending(pending.nonce);
    }
  }

  /** @param {Message} message */
  #countUnread(message) {
    if (message.channel_id === this.channelId || message.author.id === this.state?.me.id) return;
    if (hasFlag(message, LOADING)) return;
    this.unread.set(message.channel_id, (this.unread.get(message.channel_id) ?? 0) + 1);
    this.emit("unread");
  }
}

/** @param {Message[]} list @param {Message} message */
function insertById(list, message) {
  let at = list.length;
  while (at > 0 && isNewer(list[at - 1].id, message.id)) at -= 1;
  list.splice(at, 0, message);
}

/** @param {string} a @param {string} b ids compared by value without becoming numbers */
function isNewer(a, b) {
  return a.length === b.length ? a > b : a.length > b.length;
}
