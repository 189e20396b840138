/** The schema of `/v1/server`. */
import { z } from 'zod'

/** The limit of an encrypted message, whose text is longer than what it says. */
export const MAX_SEALED_TEXT_LENGTH = 20_480

const seconds = (description: string) => z.int().meta({ description })

export const serverInfo = z
  .object({
    version: z.string().meta({ description: 'The version of Silly Chat.', examples: ['0.1.0'] }),
    store: z.string().meta({
      description: 'Where chats are kept, for example `file`. With `memory` they are lost when the server stops.',
      examples: ['memory', 'file', 'redis']
    }),
    chat_ttl_seconds: seconds('A chat without a new event for this long is closed. 0 means never.'),
    empty_chat_ttl_seconds: seconds('A chat that never had an event is closed after this long. 0 means never.'),
    push: z.boolean().meta({ description: 'Whether the server sends push notifications.' }),
    sealed: z.boolean().meta({ description: 'Whether chats can be end-to-end encrypted.' }),
    max_text_length: z.int().meta({ description: 'The longest message, in UTF-16 code units.' }),
    max_sealed_text_length: z
      .int()
      .meta({ description: 'The longest message in an end-to-end encrypted chat, in UTF-16 code units.' })
  })
  .meta({ id: 'Server' })

export type ServerInfo = z.output<typeof serverInfo>
