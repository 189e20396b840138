/** What the benchmark and its process of readers say to each other: one answer to each question. */
import { z } from 'zod'

export const question = z.discriminatedUnion('ask', [
  z.object({ ask: z.literal('open'), url: z.url(), authorization: z.string(), count: z.int() }),
  /** Answered when every reader has had all of this many messages. */
  z.object({ ask: z.literal('level'), messages: z.int() })
])
export type Question = z.output<typeof question>

export const answer = z.union([
  /** `at`: when the last byte was received, in ms since the epoch. */
  z.object({ at: z.number() }),
  z.object({ fault: z.string() })
])
export type Answer = z.output<typeof answer>
