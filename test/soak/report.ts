/** What a run came to: one table, and the first few differences. */
import type { ChatBook } from './book.ts'
import type { ChaosFigures } from './chaos-proxy.ts'
import { type Difference, KINDS } from './compare.ts'

export interface Outcome {
  readonly seed: number
  readonly seconds: number
  readonly startedAt: number
  readonly books: readonly ChatBook[]
  readonly chaos: ChaosFigures
  readonly differences: readonly Difference[]
}

const MOST_SHOWN_OF_A_KIND = 4

export function reportOf(outcome: Outcome): string {
  const { differences, seed } = outcome
  const rows = figuresOf(outcome)
  const width = Math.max(...rows.map(([name]) => name.length))
  const table = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${`${value}`.padStart(10)}`).join('\n')
  if (differences.length === 0) return `${table}\n\nsound: every reader has what the log has\n`
  const shown = KINDS.flatMap((kind) => differences.filter((one) => one.kind === kind).slice(0, MOST_SHOWN_OF_A_KIND))
  const list = shown.map(({ kind, text }) => `  ${kind}: ${text}`).join('\n')
  return `${table}\n\nBROKEN, ${differences.length} difference${differences.length === 1 ? '' : 's'} (SEED=${seed}), the first of each kind:\n${list}\n`
}

function figuresOf({ seed, seconds, startedAt, books, chaos, differences }: Outcome): [string, number | string][] {
  const posts = books.flatMap((book) => book.posts)
  const readers = books.flatMap((book) => book.readers)
  const guests = books.flatMap((book) => book.guests)
  const streams = [...readers, ...guests].filter(({ connections }) => connections > 0)
  const delivered = readers.flatMap(({ received }) => received).filter(({ event }) => event !== 'ready')
  const reconnects = streams.reduce((sum, { connections }) => sum + connections - 1, 0)
  return [
    ['seed', seed],
    ['seconds of storm', seconds],
    ['seconds in all', ((Date.now() - startedAt) / 1000).toFixed(1)],
    ['posts sent', posts.length],
    ['posts acknowledged', posts.filter(({ id }) => id !== undefined).length],
    ['readers', readers.length],
    ['events delivered', delivered.length],
    ['reconnects', reconnects],
    ['times the server was killed', books[0]?.kills.length ?? 0],
    ['cuts', chaos.cuts],
    ['stalls', chaos.stalls],
    ['truncations', chaos.truncations],
    ['connections refused', chaos.refused],
    ['slow readers cut off', chaos.cutOff],
    ['guests who knocked', guests.length],
    ['guests let in and told', guests.filter(({ isIn }) => isIn).length],
    ['guests who hung up', guests.filter(({ goneAt }) => goneAt !== undefined).length],
    ...KINDS.map((kind): [string, number] => [kind, differences.filter((one) => one.kind === kind).length])
  ]
}
