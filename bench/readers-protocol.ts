/** The messages between the benchmark and the process of its readers: one reply to each command. */
import { z } from 'zod'

export const command = z.discriminatedUnion('command', [
  z.object({ command: z.literal('open'), url: z.url(), authorization: z.string(), count: z.int() }),
  /** Replied to when every reader has received this number of messages. */
  z.object({ command: z.literal('catch up'), messages: z.int() })
])
export type Command = z.output<typeof command>

export const reply = z.union([
  /** `at`: when the last byte was received, in ms since the epoch. */
  z.object({ at: z.number() }),
  z.object({ fault: z.string() })
])
export type Reply = z.output<typeof reply>
