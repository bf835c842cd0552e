/** Commands, components, forms and suggestions on their way to the bot, each followed by its nonce. */

import { announce } from "./dom.js";
import { now } from "./time.js";

/** @typedef {import("./types.js").Pending} Pending */
/** @typedef {import("./types.js").Message} Message */

const SUGGESTIONS_WITHIN = 4000;
const NO_ANSWER = "The application did not respond.";

export class Interactions {
  /** @type {Map<string, {resolve: (choices: {name: string, value: string|number}[]) => void, timer: ReturnType<typeof setTimeout>}>} */
  #suggestions = new Map();
  /** @type {Map<string, {resolve: () => void, reject: (error: Error) => void}>} */
  #forms = new Map();

  /**
   * @param {import("./store.js").Store} store
   * @param {import("./api.js").Api} api
   * @param {(interactionId: string, modal: any) => void} onModal
   */
  constructor(store, api, onModal) {
    this.store = store;
    this.api = api;
    this.onModal = onModal;
  }

  /**
   * Runs a command. The waiting line in the channel tells how it goes; nothing is thrown.
   *
   * @param {{channelId: string, command: import("./types.js").Command, label: string, options?: any[], targetId?: string, files?: File[]}} call
   */
  async command({ channelId, command, label, options = [], targetId, files = [] }) {
    const pending = this.#begin({ kind: "command", channelId, label });
    const payload = {
      type: "command",
      channel_id: channelId,
      nonce: pending.nonce,
      command_id: command.id,
      ...(targetId ? { target_id: targetId } : { options }),
    };
    await this.#deliver(pending, payload, files);
  }

  /** @param {{message: Message, customId: string, values?: string[], label: string}} use */
  async component({ message, customId, values, label }) {
    for (const old of [...this.store.pending.values()]) {
      if (old.kind === "component" && old.messageId === message.id && old.state === "failed")
        this.store.dropPending(old.nonce);
    }
    const pending = this.#begin({
      kind: "component",
      channelId: message.channel_id,
      label,
      messageId: message.id,
      customId,
    });
    const payload = {
      type: "component",
      channel_id: message.channel_id,
      nonce: pending.nonce,
      message_id: message.id,
      custom_id: customId,
      ...(values ? { values } : {}),
    };
    await this.#deliver(pending, payload, []);
  }

  /**
   * Submits a form; resolves when the bot has taken it.
   *
   * @param {{interactionId: string, channelId: string, customId: string, fields: Record<string, any>, files: File[]}} form
   * @throws {Error} with a sentence, when the sandbox refused it or the bot did not answer
   */
  async modal({ interactionId, channelId, customId, fields, files }) {
    const pending = this.#begin({ kind: "modal", channelId, label: "", customId });
    const settled = new Promise((resolve, reject) =>
      this.#forms.set(pending.nonce, { resolve: () => resolve(undefined), reject }),
    );
    const payload = {
      type: "modal",
      channel_id: channelId,
      nonce: pending.nonce,
      interaction_id: interactionId,
      custom_id: customId,
      fields,
    };
    try {
      await this.api.interact(payload, files);
      await settled;
    } finally {
      this.#forms.delete(pending.nonce);
      this.store.dropPending(pending.nonce);
    }
  }

  /**
   * @param {{channelId: string, command: import("./types.js").Command, options: any[]}} question
   * @returns {Promise<{name: string, value: string|number}[]>} empty when the bot has none, or is late
   */
  async autocomplete({ channelId, command, options }) {
    const nonce = crypto.randomUUID();
    const answer = new Promise((resolve) => {
      const timer = setTimeout(() => this.#suggest(nonce, []), SUGGESTIONS_WITHIN);
      this.#suggestions.set(nonce, { resolve, timer });
    });
    try {
      await this.api.interact({
        type: "autocomplete",
        channel_id: channelId,
        nonce,
        command_id: command.id,
        options,
      });
    } catch {
      this.#suggest(nonce, []);
    }
    return /** @type {any} */ (answer);
  }

  /** An INTERACTION frame of the socket. @param {any} frame */
  receive(frame) {
    if (frame.state === "autocomplete") return this.#suggest(frame.nonce, frame.choices ?? []);
    if (this.#suggestions.has(frame.nonce)) {
      if (frame.state === "failed") this.#suggest(frame.nonce, []);
      return undefined;
    }
    const pending = this.store.pending.get(frame.nonce);
    if (frame.message) this.store.upsert(frame.message);
    if (frame.state === "modal") {
      this.store.dropPending(frame.nonce);
      this.onModal(frame.id, frame.modal);
      return undefined;
    }
    if (!pending) return undefined;
    return this.#follow({ ...pending, interactionId: frame.id ?? pending.interactionId }, frame);
  }

  /** @param {Pending} pending @param {any} frame */
  #follow(pending, frame) {
    if (frame.state === "failed") return this.#fail(pending, frame.error || NO_ANSWER);
    const shown = pending.kind !== "command" || frame.message || this.store.hasAnswer(pending);
    if (frame.state === "answered" || (frame.state === "deferred" && shown)) {
      this.#forms.get(pending.nonce)?.resolve();
      this.store.dropPending(pending.nonce);
      return undefined;
    }
    return this.store.setPending({ ...pending, state: frame.state });
  }

  /** @param {Omit<Pending, "nonce"|"state"|"begunAt">} start @returns {Pending} */
  #begin(start) {
    const pending = /** @type {Pending} */ ({
      ...start,
      nonce: crypto.randomUUID(),
      state: "sending",
      begunAt: now(),
    });
    this.store.setPending(pending);
    return pending;
  }

  /** @param {Pending} pending @param {any} payload @param {File[]} files */
  async #deliver(pending, payload, files) {
    try {
      const { id } = await this.api.interact(payload, files);
      const current = this.store.pending.get(pending.nonce);
      if (current && !current.interactionId)
        this.store.setPending({ ...current, interactionId: id });
    } catch (error) {
      this.#fail(pending, /** @type {Error} */ (error).message);
    }
  }

  /** @param {Pending} pending @param {string} error */
  #fail(pending, error) {
    this.#forms.get(pending.nonce)?.reject(new Error(error));
    this.store.setPending({ ...pending, state: "failed", error });
    announce(error);
  }

  /** @param {string} nonce @param {{name: string, value: string|number}[]} choices */
  #suggest(nonce, choices) {
    const waiting = this.#suggestions.get(nonce);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    this.#suggestions.delete(nonce);
    waiting.resolve(choices);
  }
}
