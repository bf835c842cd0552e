/** The sandbox's HTTP API, acting as one member. */

/** @typedef {import("./types.js").Snowflake} Snowflake */

const ROOT = "/sandbox/api";

/** A refusal; its message is a sentence fit to show. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Api {
  /** @param {string|null} user the member to act as; null asks the sandbox for its owner */
  constructor(user) {
    this.user = user;
  }

  /** @returns {Promise<import("./types.js").State>} */
  state() {
    return this.#json("GET", `${ROOT}/state`);
  }

  /**
   * @param {Snowflake} channel
   * @param {{before?: Snowflake, limit?: number}} [range]
   * @returns {Promise<import("./types.js").Message[]>} oldest first
   */
  messages(channel, { before, limit = 50 } = {}) {
    return this.#json("GET", `${ROOT}/channels/${channel}/messages`, {
      limit: String(limit),
      ...(before ? { before } : {}),
    });
  }

  /** @param {Snowflake} channel @param {{content: string, replyTo?: Snowflake, nonce: string}} message @param {File[]} files */
  send(channel, { content, replyTo, nonce }, files) {
    const payload = {
      user: this.user,
      channel_id: channel,
      content,
      nonce,
      ...(replyTo ? { reply_to: replyTo } : {}),
    };
    return this.#post(`${ROOT}/messages`, payload, files);
  }

  /** @param {Snowflake} channel @param {Snowflake} id @param {string} content */
  edit(channel, id, content) {
    return this.#json("PATCH", `${ROOT}/messages/${channel}/${id}`, {}, { content });
  }

  /** @param {Snowflake} channel @param {Snowflake} id */
  remove(channel, id) {
    return this.#json("DELETE", `${ROOT}/messages/${channel}/${id}`);
  }

  /** @param {Snowflake} channel @param {Snowflake} id @param {string} emoji @param {boolean} on */
  react(channel, id, emoji, on) {
    const path = `${ROOT}/messages/${channel}/${id}/reactions/${encodeURIComponent(emoji)}`;
    return this.#json(on ? "PUT" : "DELETE", path);
  }

  /** @param {Snowflake} channel */
  typing(channel) {
    return this.#post(`${ROOT}/typing`, { user: this.user, channel_id: channel }, []);
  }

  /** @param {Snowflake} channel @param {string} name @param {Snowflake} message @returns {Promise<import("./types.js").Channel>} */
  createThread(channel, name, message) {
    return this.#post(
      `${ROOT}/threads`,
      { user: this.user, channel_id: channel, name, message_id: message },
      [],
    );
  }

  /** @param {Record<string, any>} payload @param {File[]} [files] @returns {Promise<{id: Snowflake}>} */
  interact(payload, files = []) {
    return this.#post(`${ROOT}/interactions`, { user: this.user, ...payload }, files);
  }

  /** @returns {string} the push socket's address */
  socketUrl() {
    const url = new URL(`${ROOT}/socket`, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (this.user) url.searchParams.set("user", this.user);
    return url.href;
  }

  /** @param {string} path @param {Record<string, any>} payload @param {File[]} files */
  #post(path, payload, files) {
    if (!files.length) return this.#json("POST", path, {}, payload);
    const form = new FormData();
    form.append("payload_json", JSON.stringify(payload));
    files.forEach((file, n) => form.append(`files[${n}]`, file, file.name));
    return this.#send(path, { method: "POST", body: form });
  }

  /** @param {string} method @param {string} path @param {Record<string, string>} [query] @param {any} [body] */
  #json(method, path, query = {}, body) {
    const search = new URLSearchParams(query);
    if (this.user && body?.user === undefined) search.set("user", this.user);
    return this.#send(`${path}?${search}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
  }

  /** @param {string} path @param {RequestInit} init @returns {Promise<any>} */
  async #send(path, init) {
    let answer;
    try {
      answer = await fetch(path, init);
    } catch {
      throw new ApiError(0, "The sandbox cannot be reached. Is it still running?");
    }
    if (answer.status === 204) return null;
    const body = await answer.json().catch(() => null);
    if (!answer.ok) throw new ApiError(answer.status, refusal(body, answer.status));
    return body;
  }
}

/** @param {any} body Discord's error object: a message, and errors nested by field @param {number} status */
function refusal(body, status) {
  const detail = body?.errors ? firstDetail(body.errors) : null;
  if (typeof body?.message !== "string") return `The sandbox answered with status ${status}.`;
  return detail && body.message === "Invalid Form Body" ? detail : body.message;
}

/** @param {any} errors @returns {string|null} */
function firstDetail(errors) {
  if (Array.isArray(errors?._errors) && errors._errors.length)
    return String(errors._errors[0].message);
  if (errors && typeof errors === "object") {
    for (const value of Object.values(errors)) {
      const found = firstDetail(value);
      if (found) return found;
    }
  }
  return null;
}
