/**
 * Tells whether the wall clock can be trusted with what cannot be undone. It is compared with the monotonic clock, which nobody
 * sets: if they part, the wall clock was set, or the machine slept, and it may be set again.
 */

export interface EvenClockOptions {
  /** For how long both clocks must have run evenly. */
  readonly evenForMs: number
  /** Milliseconds since the Unix epoch. */
  readonly wall: () => number
  /** Milliseconds since any instant. */
  readonly monotonic: () => number
}

const DEFAULTS: EvenClockOptions = { evenForMs: 3_600_000, wall: Date.now, monotonic: () => performance.now() }
/** Clocks that are being adjusted differ by less. */
const JUMP_MS = 5000
const LOOK_EVERY_MS = 5000

export class EvenClock {
  readonly #options: EvenClockOptions
  readonly #timer: NodeJS.Timeout
  #wall: number
  #monotonic: number
  #evenSince: number

  constructor(options: Partial<EvenClockOptions> = {}) {
    this.#options = { ...DEFAULTS, ...options }
    this.#wall = this.#options.wall()
    this.#monotonic = this.#options.monotonic()
    // Nobody knows what was before.
    this.#evenSince = this.#monotonic
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
    this.#timer.unref()
  }

  isEven(): boolean {
    this.#look()
    return this.#monotonic - this.#evenSince >= this.#options.evenForMs
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const wall = this.#options.wall()
    const monotonic = this.#options.monotonic()
    if (Math.abs(wall - this.#wall - (monotonic - this.#monotonic)) > JUMP_MS) this.#evenSince = monotonic
    this.#wall = wall
    this.#monotonic = monotonic
  }
}
