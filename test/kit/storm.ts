/** Random faults of a wire's connections, which are cut, stalled, slowed, truncated and refused until the calm. */
import type { Random } from './random.ts'
import type { Connection } from './wire.ts'

const MAX_BYTES_DOWN = 300_000
const MAX_BYTES_UP = 20_000
const MAX_STALL_MS = 3000
/** A slow connection passes `bytes` at a time, with a pause after each piece. */
const SLOW = { bytes: 500, pauseMs: 20, pieces: 50 }

export class Storm {
  readonly stats = { cuts: 0, stalls: 0, slowed: 0, truncations: 0, refused: 0 }
  readonly #random: Random
  readonly #timers = new Set<NodeJS.Timeout>()
  #isRaging = false
  #isRefusing = false

  constructor(random: Random) {
    this.#random = random
  }

  /** Disturbs these connections from now on, and new ones. */
  start(connections: ReadonlySet<Connection>): void {
    this.#isRaging = true
    for (const connection of connections) this.meet(connection)
    this.#refuseSometimes()
  }

  /** A new connection. */
  meet(connection: Connection): void {
    if (!this.#isRaging) return
    if (this.#isRefusing) {
      this.stats.refused++
      connection.cut()
      return
    }
    const random = this.#random.fork()
    const cut = () => {
      if (!this.#isRaging) return
      this.stats.cuts++
      connection.cut()
    }
    // No connection lives long: otherwise all clients would soon have a good one.
    this.#after(random.int(50, random.pick(500, 2000, 8000)), cut)
    if (random.chance(0.1)) connection.up.limit(random.magnitude(MAX_BYTES_UP), cut)
    this.#harm(connection, random, cut)
  }

  /** From now on everything passes, and stalled connections continue. */
  calm(connections: ReadonlySet<Connection>): void {
    this.#isRaging = false
    for (const timer of this.#timers) clearTimeout(timer)
    for (const { up, down } of connections) {
      up.unlimit()
      down.unlimit()
    }
  }

  #harm(connection: Connection, random: Random, cut: () => void): void {
    if (random.chance(0.5)) return
    const { down } = connection
    const goOn = () => {
      this.#harm(connection, random, cut)
      down.resume()
    }
    const trickle = (pieces: number) => {
      if (pieces === 0) return goOn()
      down.limit(SLOW.bytes, () => this.#after(SLOW.pauseMs, () => trickle(pieces - 1), down))
      down.resume()
    }
    const harms = {
      cuts: cut,
      truncations: () => connection.truncate(),
      stalls: () => this.#after(random.magnitude(MAX_STALL_MS), goOn, down),
      slowed: () => trickle(SLOW.pieces)
    }
    const kind = random.pick<keyof typeof harms>('cuts', 'stalls', 'slowed', 'truncations')
    down.limit(random.magnitude(MAX_BYTES_DOWN), () => {
      if (!this.#isRaging) return down.unlimit()
      if (kind !== 'cuts') this.stats[kind]++
      harms[kind]()
    })
  }

  #refuseSometimes(): void {
    const ms = this.#isRefusing ? this.#random.int(50, 300) : this.#random.int(500, 4000)
    this.#after(ms, () => {
      this.#isRefusing = !this.#isRefusing
      this.#refuseSometimes()
    })
  }

  /** Acts later, unless it is calm: then this direction continues at once. */
  #after(ms: number, act: () => void, waiting?: Connection['down']): void {
    if (!this.#isRaging) {
      waiting?.unlimit()
      return
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, ms)
    this.#timers.add(timer)
  }
}
