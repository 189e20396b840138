/** The report of a run: a table, and the first differences of each kind. */
import { type Difference, KINDS } from '../kit/compare.ts'
import type { Crowd } from '../kit/crowd.ts'
import type { Storm } from '../kit/storm.ts'

export interface Outcome {
  readonly seed: number
  readonly seconds: number
  readonly startedAt: number
  readonly crowd: Crowd
  readonly wire: Storm['stats'] & {
    /** Chat streams that the server ended itself, because the reader was too slow. */
    readonly cutOff: number
  }
  readonly differences: readonly Difference[]
}

const MAX_PER_KIND = 4

export function reportOf(outcome: Outcome): string {
  const { differences, seed } = outcome
  const rows = statsOf(outcome)
  const width = Math.max(...rows.map(([name]) => name.length))
  const table = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${`${value}`.padStart(10)}`).join('\n')
  if (differences.length === 0) return `${table}\n\nsound: every reader has what the log has\n`
  const shown = KINDS.flatMap((kind) => differences.filter((one) => one.kind === kind).slice(0, MAX_PER_KIND))
  const list = shown.map(({ kind, text }) => `  ${kind}: ${text}`).join('\n')
  return `${table}\n\nBROKEN, ${differences.length} difference${differences.length === 1 ? '' : 's'} (SEED=${seed}), the first of each kind:\n${list}\n`
}

function statsOf({ seed, seconds, startedAt, crowd, wire, differences }: Outcome): [string, number | string][] {
  const { books, kills, stats } = crowd
  const [readers, guests] = [books.flatMap((book) => book.readers), books.flatMap((book) => book.guests)]
  const delivered = readers.flatMap(({ received }) => received).filter(({ event }) => event !== 'ready')
  const endings = guests.flatMap(({ ending }) => ending?.state ?? [])
  return [
    ['seed', seed],
    ['seconds of storm', seconds],
    ['seconds in total', ((Date.now() - startedAt) / 1000).toFixed(1)],
    ['posts sent', books.flatMap((book) => book.posts).length],
    ['posts acknowledged', books.flatMap((book) => book.posts).filter(({ id }) => id !== undefined).length],
    ['readers', readers.length],
    ['events delivered', delivered.length],
    ['reconnects', stats.reconnects],
    ['times a server was killed', kills.length],
    ['cuts', wire.cuts],
    ['stalls', wire.stalls],
    ['slow connections', wire.slowed],
    ['truncations', wire.truncations],
    ['connections refused', wire.refused],
    ['slow readers cut off', wire.cutOff],
    ['guests who knocked', guests.length],
    ['guests let in and notified', guests.filter(({ chat }) => chat !== undefined).length],
    ['guests who disconnected', guests.filter(({ goneAt }) => goneAt !== undefined).length],
    ['guests who left', endings.filter((state) => state === 'closed').length],
    ['guests removed', endings.filter((state) => state === 'declined').length],
    ['links revoked', books.flatMap(({ links }) => links).filter(({ states: [, state] }) => state !== 'open').length],
    ['other chats', books.flatMap(({ others }) => others).length],
    ...KINDS.map((kind): [string, number] => [kind, differences.filter((one) => one.kind === kind).length])
  ]
}
