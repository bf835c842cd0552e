/** The shapes that travel between the modules; Discord's own objects, only as far as the page reads them. */

/** @typedef {string} Snowflake An id: digits, never parsed as a number. */

/**
 * @typedef {object} User
 * @property {Snowflake} id
 * @property {string} username
 * @property {string=} display_name
 * @property {string=} global_name
 * @property {string=} avatar_url
 * @property {boolean=} is_admin
 * @property {boolean=} bot
 */

/**
 * @typedef {object} Channel
 * @property {Snowflake} id
 * @property {number} type 0 text, 1 direct message, 11 public thread, 12 private thread
 * @property {string=} name
 * @property {string=} topic
 * @property {boolean=} nsfw
 * @property {Snowflake=} parent_id
 * @property {number=} position
 * @property {User[]=} recipients
 * @property {{archived?: boolean, locked?: boolean}=} thread_metadata
 * @property {boolean=} can_send
 * @property {boolean=} can_attach
 */

/**
 * @typedef {object} Option
 * @property {string} name
 * @property {string=} description
 * @property {number} type 1 subcommand, 2 group, 3 string, 4 integer, 5 boolean, 6 user, 7 channel, 8 role, 9 mentionable, 10 number, 11 attachment
 * @property {boolean=} required
 * @property {{name: string, value: string|number}[]=} choices
 * @property {boolean=} autocomplete
 * @property {number=} min_value
 * @property {number=} max_value
 * @property {number=} min_length
 * @property {number=} max_length
 * @property {number[]=} channel_types
 * @property {Option[]=} options
 */

/**
 * @typedef {object} Command
 * @property {Snowflake} id
 * @property {number=} type 1 slash, 2 user, 3 message
 * @property {string} name
 * @property {string=} description
 * @property {Option[]=} options
 * @property {boolean=} nsfw
 * @property {string=} default_member_permissions
 * @property {Snowflake[]=} channel_ids
 */

/**
 * @typedef {object} Attachment
 * @property {Snowflake} id
 * @property {string} filename
 * @property {string=} title
 * @property {string=} description
 * @property {string=} content_type
 * @property {number} size
 * @property {string} url
 * @property {number=} width
 * @property {number=} height
 */

/** @typedef {Record<string, any> & {type: number}} Component A message or modal component, Discord's JSON. */

/**
 * @typedef {object} Message
 * @property {Snowflake} id
 * @property {Snowflake} channel_id
 * @property {User} author
 * @property {string} content
 * @property {string} timestamp
 * @property {string=} edited_timestamp
 * @property {number} type
 * @property {number=} flags 64 ephemeral, 128 loading, 32768 Components V2, 4 embeds suppressed
 * @property {Record<string, any>[]=} embeds
 * @property {Attachment[]=} attachments
 * @property {Component[]=} components
 * @property {{emoji: {id: ?string, name: string}, count: number, me: boolean}[]=} reactions
 * @property {User[]=} mentions
 * @property {{message_id?: Snowflake}=} message_reference
 * @property {Message=} referenced_message
 * @property {{id: Snowflake, user: User, name?: string, command_type?: number}=} interaction_metadata
 */

/**
 * @typedef {object} State
 * @property {User} me
 * @property {User[]} users
 * @property {{user: User, online: boolean, status?: string, activities?: {name?: string, state?: string, type?: number}[]}} bot
 * @property {{id: Snowflake, name: string}=} application
 * @property {{id: Snowflake, name: string, roles?: {id: Snowflake, name: string, color?: number}[], attachment_size_limit?: number}} guild
 * @property {Channel[]} channels
 * @property {Command[]} commands
 * @property {string=} now
 * @property {{title?: string, text?: string, suggestions?: Suggestion[]}=} welcome
 */

/**
 * @typedef {object} Suggestion
 * @property {string} label
 * @property {string} command The command's name with its subcommands, separated by spaces.
 * @property {Record<string, string|number|boolean>=} options
 */

/**
 * @typedef {object} Pending Something this member asked of the bot that has no answer yet.
 * @property {string} nonce
 * @property {"command"|"component"|"modal"} kind
 * @property {Snowflake} channelId
 * @property {string} label What the member did, in words.
 * @property {"sending"|"sent"|"deferred"|"failed"} state
 * @property {number} begunAt milliseconds since 1970, by the sandbox's clock
 * @property {Snowflake=} interactionId
 * @property {Snowflake=} messageId The message whose component was used.
 * @property {string=} customId
 * @property {string=} error
 */

export {};
