/**
 * How far the clock of Redis is ahead of `Date.now()`. Redis decides when chats and links end, so that nodes with different
 * clocks agree.
 */

/** A node whose clock differs by more is not ready. */
const MAX_SKEW_MS = 5000

export class StoreClock {
  readonly #onWarning: (sentence: string) => void
  #skewMs = 0
  /** The difference that was last reported; 0 if the clocks agreed. */
  #reported = 0

  constructor(onWarning: (sentence: string) => void) {
    this.#onWarning = onWarning
  }

  get skewMs(): number {
    return this.#skewMs
  }

  /** A sentence for the operator if this process' clock is wrong. */
  get fault(): string | undefined {
    if (Math.abs(this.#skewMs) <= MAX_SKEW_MS) return undefined
    const seconds = Math.round(Math.abs(this.#skewMs) / 1000)
    const direction = this.#skewMs > 0 ? 'behind' : 'ahead of'
    return `The clock of this machine is ${seconds} s ${direction} the clock of Redis. Synchronize both (NTP).`
  }

  /**
   * The server had this time when it executed a command that was sent and answered at these times of `Date.now()`. The known
   * difference changes only if this proves it wrong, so that a slow answer does not move it.
   */
  observe(sentAt: number, answeredAt: number, storeTime: number): void {
    // The clock of this process was set back meanwhile.
    if (answeredAt < sentAt) return
    // All three are rounded down to milliseconds.
    const [least, most] = [storeTime - answeredAt - 1, storeTime - sentAt + 1]
    this.#skewMs = Math.min(Math.max(this.#skewMs, least), most)
    this.#report()
  }

  #report(): void {
    const { fault } = this
    if (fault === undefined) {
      if (this.#reported !== 0) this.#onWarning('The clock of this machine agrees with the clock of Redis again.')
      this.#reported = 0
    } else if (Math.abs(this.#skewMs - this.#reported) > MAX_SKEW_MS) {
      this.#reported = this.#skewMs
      this.#onWarning(fault)
    }
  }
}
