/** The message box: plain messages with files and replies, and the way into commands. */

import { callableCommands, readCommandLine } from "./commands.js";
import { CommandForm } from "./commandform.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { fileSize, thumbnail } from "./media.js";
import { nameOf } from "./people.js";
import { CommandPicker } from "./picker.js";

/** @typedef {import("./types.js").Message} Message */

const LONGEST = 2000;
const COUNT_FROM = 1800;
const MOST_FILES = 10;
const TYPING_EVERY = 8000;

export class Composer {
  /** @type {File[]} */
  #files = [];
  /** @type {Message|null} */
  #replyTo = null;
  /** @type {CommandForm|null} */
  #form = null;
  /** @type {Map<string, string>} what was left unsent, by channel */
  #drafts = new Map();
  /** @type {string|null} */
  #shownChannel = null;
  /** @type {{entry: import("./commands.js").Callable, values: Record<string, any>}|null} */
  #last = null;
  #typedAt = 0;
  #sending = false;

  /** @param {import("./app.js").Page} page */
  constructor(page) {
    this.page = page;
    this.picker = new CommandPicker((entry) => this.#startCommand(entry, {}));
    this.input = /** @type {HTMLTextAreaElement} */ (
      h("textarea", {
        id: "composer-input",
        class: "composer-input",
        rows: 1,
        maxlength: LONGEST * 2,
        role: "combobox",
        "aria-autocomplete": "list",
        "aria-expanded": "false",
        "aria-controls": this.picker.list.id,
        "aria-label": "Message",
        autocomplete: "off",
      })
    );
    this.picker.attach(this.input);
    this.fileInput = /** @type {HTMLInputElement} */ (
      h("input", {
        type: "file",
        multiple: true,
        hidden: true,
        "aria-hidden": "true",
        tabindex: -1,
      })
    );
    this.attach = h(
      "button",
      {
        type: "button",
        class: "icon-button composer-attach",
        "aria-label": "Attach files",
        title: "Attach files",
        onclick: () => this.fileInput.click(),
      },
      icon("plus"),
    );
    this.sendButton = h(
      "button",
      { type: "submit", class: "icon-button composer-send", "aria-label": "Send", title: "Send" },
      icon("send"),
    );
    this.field = h("div", { class: "composer-field" }, this.input);
    this.note = h("div", { class: "composer-note", role: "status" });
    this.popup = h("div", { class: "composer-popup" }, this.picker.element);
    this.replyBar = h("div", { class: "reply-bar", hidden: true });
    this.tray = h("div", {
      class: "tray",
      hidden: true,
      role: "list",
      "aria-label": "Files to send",
    });
    this.form = h(
      "form",
      { class: "composer", novalidate: true, "aria-label": "Write a message" },
      this.popup,
      this.replyBar,
      h(
        "div",
        { class: "composer-box" },
        this.tray,
        h("div", { class: "composer-row" }, this.attach, this.field, this.sendButton),
      ),
      this.fileInput,
    );
    this.typingLine = h("div", { class: "typing-line" });
    this.element = h(
      "div",
      { class: "composer-area" },
      this.form,
      h("div", { class: "composer-foot" }, this.typingLine, this.note),
    );
    this.#listen();
  }

  #listen() {
    const { store } = this.page;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.input.addEventListener("input", () => this.#typed());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("blur", () => this.picker.close());
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#form && !event.isComposing) this.#leaveCommand();
    });
    this.form.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (!files.length) return;
      event.preventDefault();
      this.addFiles(files.map(namedPaste));
    });
    this.fileInput.addEventListener("change", () => {
      this.addFiles([...(this.fileInput.files ?? [])]);
      this.fileInput.value = "";
    });
    store.on("channel", () => this.#channelChanged());
    store.on("commands", () => this.#refreshPicker());
    store.on("state", () => this.refresh());
    store.on("bot", () => this.refresh());
    store.on("channels", () => this.refresh());
    store.on("connection", () => this.refresh());
    store.on("typing", () => this.#showTyping());
  }

  focus() {
    if (this.#form) this.#form.focusFirst();
    else this.input.focus();
  }

  /** Shows what the member may do here. */
  refresh() {
    const { store } = this.page;
    const channel = store.channel;
    if (!store.state || !channel) return;
    const silent = channel.can_send === false;
    const attach = channel.can_attach !== false && !silent;
    this.input.disabled = silent;
    this.attach.toggleAttribute("disabled", !attach);
    const place = channel.type === 1 ? `@${nameOf(store.known.bot.user)}` : `#${channel.name}`;
    this.input.placeholder = silent
      ? "You cannot write in this channel."
      : `Message ${place}, or type /`;
    this.#showNote();
    this.#showTyping();
  }

  /** Opens a command in the box with some options filled in. @param {string} name @param {Record<string, any>} values */
  fillCommand(name, values) {
    const entry = callableCommands(this.page.store).find((one) => one.name === name);
    if (!entry) return this.page.toast(`/${name} cannot be used in this channel.`);
    return this.#startCommand(entry, values);
  }

  /** @param {Message|null} message the message the next one answers */
  replyTo(message) {
    this.#replyTo = message;
    this.replyBar.hidden = !message;
    if (!message) return;
    this.#endCommand();
    fill(
      this.replyBar,
      icon("reply"),
      h("span", null, "Replying to ", h("b", null, nameOf(message.author))),
      h(
        "button",
        {
          type: "button",
          class: "icon-button small",
          "aria-label": "Cancel reply",
          onclick: () => this.#cancelReply(),
        },
        icon("close"),
      ),
    );
    this.input.focus();
  }

  /** @param {File[]} files from the clipboard, a drop, or the file chooser */
  addFiles(files) {
    const { store } = this.page;
    const limit = store.known.guild.attachment_size_limit ?? Infinity;
    const fitting = files.filter((file) => file.size <= limit);
    if (fitting.length < files.length)
      this.page.toast(`Files may be at most ${fileSize(limit)} here.`);
    if (!fitting.length) return;
    if (this.#form) {
      if (!this.#form.takeFiles(fitting)) this.page.toast("This command takes no further file.");
      return;
    }
    if (store.channel?.can_attach === false)
      return this.page.toast("You may not attach files in this channel.");
    if (this.#files.length + fitting.length > MOST_FILES)
      this.page.toast(`A message takes at most ${MOST_FILES} files.`);
    this.#files = [...this.#files, ...fitting].slice(0, MOST_FILES);
    this.#showTray();
    this.input.focus();
  }

  #channelChanged() {
    if (this.#shownChannel && !this.#form) this.#drafts.set(this.#shownChannel, this.input.value);
    this.#shownChannel = this.page.store.channelId;
    this.#endCommand();
    this.input.value = this.#drafts.get(this.#shownChannel ?? "") ?? "";
    this.#cancelReply();
    this.#files = [];
    this.#showTray();
    this.picker.close();
    this.refresh();
  }

  #typed() {
    this.#refreshPicker();
    this.#showNote();
    const now = Date.now();
    const text = this.input.value;
    if (
      !text ||
      text.startsWith("/") ||
      now - this.#typedAt < TYPING_EVERY ||
      !this.page.store.channelId
    )
      return;
    this.#typedAt = now;
    this.page.api.typing(this.page.store.channelId).catch(() => undefined);
  }

  #refreshPicker() {
    const text = this.input.value;
    if (this.#form || document.activeElement !== this.input) return;
    if (!text.startsWith("/") || /[\n:]/.test(text)) return this.picker.close();
    const entries = callableCommands(this.page.store);
    const whole = entries.find((entry) => text === `/${entry.name} `);
    if (whole && !entries.some((entry) => entry.name.startsWith(`${whole.name} `)))
      return this.#startCommand(whole, {});
    return this.picker.show(entries, text.slice(1));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing) return;
    if (this.picker.open && this.picker.handleKey(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      void this.#submit();
    } else if (event.key === "Escape" && this.#replyTo) {
      this.#cancelReply();
    } else if (event.key === "ArrowUp" && !this.input.value) {
      event.preventDefault();
      if (event.ctrlKey && this.#last) this.#startCommand(this.#last.entry, this.#last.values);
      else this.page.log.navigation.focusLast();
    }
  }

  async #submit() {
    if (this.#form) return this.#form.submit();
    const { store, api } = this.page;
    const content = this.input.value.trim();
    const channelId = store.channelId;
    if (!channelId || this.#sending || (!content && !this.#files.length)) return undefined;
    if (content.startsWith("/")) {
      const read = readCommandLine(callableCommands(store), content);
      if (read) return this.#startCommand(read.entry, read.values);
    }
    if ([...content].length > LONGEST)
      return this.page.toast(`A message may have at most ${LONGEST} characters.`);
    this.#sending = true;
    try {
      const message = await api.send(
        channelId,
        { content, replyTo: this.#replyTo?.id, nonce: String(Date.now()) },
        this.#files,
      );
      store.upsert(message);
      this.input.value = "";
      this.#files = [];
      this.#typedAt = 0;
      this.#cancelReply();
      this.#showTray();
      this.#showNote();
    } catch (error) {
      this.page.toast(/** @type {Error} */ (error).message);
    } finally {
      this.#sending = false;
    }
    return undefined;
  }

  /** @param {import("./commands.js").Callable} entry @param {Record<string, any>} values */
  #startCommand(entry, values) {
    this.picker.close();
    this.#cancelReply();
    const files = this.#files;
    this.#files = [];
    this.#showTray();
    this.#form?.dispose();
    this.#form = new CommandForm(this.page, entry, values, {
      onCancel: () => this.#leaveCommand(),
      onRun: (call) => {
        this.#last = { entry, values: call.values };
        this.#endCommand();
        this.input.focus();
        void this.page.interactions.command(call);
      },
    });
    this.input.value = "";
    this.form.dataset.mode = "command";
    fill(this.field, this.#form.element);
    this.popup.replaceChildren(this.#form.help);
    this.attach.hidden = true;
    this.#showNote();
    if (files.length) this.#form.takeFiles(files);
    this.#form.focusFirst();
  }

  #leaveCommand() {
    this.#endCommand();
    this.input.focus();
  }

  #endCommand() {
    if (!this.#form) return;
    this.#form.dispose();
    this.#form = null;
    delete this.form.dataset.mode;
    fill(this.field, this.input);
    this.popup.replaceChildren(this.picker.element);
    this.attach.hidden = false;
    this.#showNote();
  }

  #cancelReply() {
    this.#replyTo = null;
    this.replyBar.hidden = true;
  }

  #showTray() {
    this.tray.hidden = !this.#files.length;
    fill(
      this.tray,
      this.#files.map((file, n) =>
        h(
          "div",
          { class: "tray-file", role: "listitem" },
          thumbnail(file),
          h("span", { class: "tray-name" }, file.name),
          h(
            "button",
            {
              type: "button",
              class: "icon-button small",
              "aria-label": `Remove ${file.name}`,
              onclick: () => this.#dropFile(n),
            },
            icon("close"),
          ),
        ),
      ),
    );
  }

  /** @param {number} n */
  #dropFile(n) {
    this.#files = this.#files.filter((_, at) => at !== n);
    this.#showTray();
    this.input.focus();
  }

  #showNote() {
    const { store } = this.page;
    const length = [...this.input.value].length;
    const bot = store.state?.bot;
    const lines = [];
    if (!store.connected && store.state)
      lines.push(h("span", { class: "note-warning" }, "Reconnecting to the sandbox…"));
    else if (bot && !bot.online)
      lines.push(
        h(
          "span",
          { class: "note-warning" },
          `${nameOf(bot.user)} is offline, so commands get no answer.`,
        ),
      );
    if (!this.#form && length > COUNT_FROM)
      lines.push(
        h(
          "span",
          { class: length > LONGEST ? "note-error" : "" },
          `${LONGEST - length} characters left`,
        ),
      );
    fill(this.note, lines);
  }

  #showTyping() {
    const { store } = this.page;
    const ids = [...(store.typing.get(store.channelId ?? "")?.keys() ?? [])].filter(
      (id) => id !== store.state?.me.id,
    );
    const names = ids.map((id) => nameOf(store.findUser(id)));
    if (!names.length) return this.typingLine.replaceChildren();
    const text =
      names.length > 2
        ? "Several people are typing…"
        : `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} typing…`;
    return fill(
      this.typingLine,
      h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")),
      text,
    );
  }
}

/** Pictures from the clipboard are all called image.png; this tells them apart. @param {File} file */
function namedPaste(file) {
  if (file.name && file.name !== "image.png") return file;
  const kind = file.type.split("/")[1] || "png";
  return new File(
    [file],
    `pasted-${new Date().toTimeString().slice(0, 8).replaceAll(":", "")}.${kind}`,
    { type: file.type },
  );
}
