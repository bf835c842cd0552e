/** The commands a member can call here, subcommands each as one entry, and how typing finds them. */

/** @typedef {import("./types.js").Command} Command */
/** @typedef {import("./types.js").Option} Option */

/**
 * @typedef {object} Callable
 * @property {Command} command
 * @property {string} name the whole name, for example "admin limits set"
 * @property {{name: string, type: number}[]} path the groups and the subcommand below the command
 * @property {string} description
 * @property {Option[]} options
 */

/** @param {import("./store.js").Store} store @returns {Callable[]} slash commands usable in the open channel, by name */
export function callableCommands(store) {
  return usableCommands(store, 1)
    .flatMap((command) =>
      expand(command, command.name, [], command.description ?? "", command.options ?? []),
    )
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** @param {import("./store.js").Store} store @param {number} type 1 slash, 2 user, 3 message @returns {Command[]} */
export function usableCommands(store, type) {
  const here = store.channelId;
  return (store.state?.commands ?? []).filter(
    (command) =>
      (command.type ?? 1) === type &&
      (!command.channel_ids || command.channel_ids.includes(here ?? "")),
  );
}

/** @param {Command} command @param {string} name @param {{name: string, type: number}[]} path @param {string} description @param {Option[]} options @returns {Callable[]} */
function expand(command, name, path, description, options) {
  const below = options.filter((option) => option.type === 1 || option.type === 2);
  if (!below.length) return [{ command, name, path, description, options }];
  return below.flatMap((option) =>
    expand(
      command,
      `${name} ${option.name}`,
      [...path, { name: option.name, type: option.type }],
      option.description ?? "",
      option.options ?? [],
    ),
  );
}

/** The entries that fit what was typed after the slash, best first. @param {Callable[]} entries @param {string} query */
export function findCommands(entries, query) {
  const wanted = query.toLowerCase().trim().replace(/\s+/g, " ");
  if (!wanted) return entries;
  return entries
    .map((entry) => ({ entry, rank: rankOf(entry, wanted) }))
    .filter(({ rank }) => rank < 4)
    .sort((a, b) => a.rank - b.rank)
    .map(({ entry }) => entry);
}

/** @param {Callable} entry @param {string} wanted */
function rankOf(entry, wanted) {
  if (entry.name.startsWith(wanted)) return 0;
  if (entry.name.split(/[\s_-]/).some((word) => word.startsWith(wanted))) return 1;
  if (entry.name.includes(wanted)) return 2;
  return entry.description.toLowerCase().includes(wanted) ? 3 : 4;
}

/**
 * Reads a command that was pasted or typed as one line: `/imagine prompt: a lighthouse steps: 20`.
 *
 * @param {Callable[]} entries
 * @param {string} line
 * @returns {{entry: Callable, values: Record<string, string>}|null}
 */
export function readCommandLine(entries, line) {
  const text = line.replace(/^\//, "");
  const entry = [...entries]
    .sort((a, b) => b.name.length - a.name.length)
    .find((one) => text === one.name || text.startsWith(`${one.name} `));
  if (!entry) return null;
  const rest = text.slice(entry.name.length).trim();
  const names = entry.options
    .map((option) => option.name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("|");
  /** @type {Record<string, string>} */
  const values = {};
  if (!rest || !names) return { entry, values };
  const marks = [...rest.matchAll(new RegExp(`(?:^|\\s)(${names}):`, "g"))];
  if (!marks.length) {
    const first = entry.options.find((option) => option.required && option.type === 3);
    return { entry, values: first ? { [first.name]: rest } : {} };
  }
  marks.forEach((mark, n) => {
    const from = (mark.index ?? 0) + mark[0].length;
    values[mark[1]] = rest.slice(from, marks[n + 1]?.index ?? rest.length).trim();
  });
  return { entry, values };
}

/** The options as the sandbox takes them: the values wrapped in groups and subcommand. @param {Callable} entry @param {any[]} values */
export function nested(entry, values) {
  return [...entry.path]
    .reverse()
    .reduce((inner, { name, type }) => [{ name, type, options: inner }], values);
}
