/** Beyond this `setTimeout` fires at once (Node.js, timers). */
const MAX_TIMER_MS = 2 ** 31 - 1
/** How long a fault of the store puts off the next attempt. */
const RETRY_MS = 1000

/** Applies what expires in a chat at the moment it does, for as long as somebody follows the chat. */
export class ExpiryTimer {
  readonly #applyDue: () => Promise<number | undefined>
  readonly #onFault: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #runs = 0

  /** `applyDue` commits what is due and resolves to the milliseconds until something else is, or to undefined for never. */
  constructor(applyDue: () => Promise<number | undefined>, onFault: (error: unknown) => void) {
    this.#applyDue = applyDue
    this.#onFault = onFault
  }

  /** Applies what is due now, and sets the timer for what comes next. Call it whenever that may have changed. */
  run(): void {
    const run = ++this.#runs
    const setTimer = (ms: number | undefined): void => {
      // A run that was overtaken may not know the latest deadline.
      if (run !== this.#runs) return
      clearTimeout(this.#timer)
      if (this.#isStopped || ms === undefined) return
      this.#timer = setTimeout(() => this.run(), Math.min(ms, MAX_TIMER_MS))
    }
    this.#applyDue().then(setTimer, (error: unknown) => {
      this.#onFault(error)
      setTimer(RETRY_MS)
    })
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }
}
