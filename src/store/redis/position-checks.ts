/** When the position of each followed chat is checked: in turn all the time, and soon after something was lost. */
import type { ChatTag } from '../../chat/ids.ts'

/** Each chat is checked once in this time, unless there are more than `MAX_PER_SECOND` allows. */
const ROUND_S = 240
/** Few chats are checked more often than once in a round: this many a second, but each at most once in `PAUSE_MS`. */
const MIN_PER_SECOND = 10
const PAUSE_MS = 5000
/** After a check has failed. */
const RETRY_MS = 1000
const MAX_PER_SECOND = 200
const TICKS_PER_SECOND = 10
const MAX_PER_TICK = MAX_PER_SECOND / TICKS_PER_SECOND

export class PositionChecks {
  /** Resolves to false if the check has failed. */
  readonly #check: (tag: ChatTag) => Promise<boolean>
  /** When each chat was checked last, longest ago first. */
  readonly #checkedAt = new Map<ChatTag, number>()
  readonly #soon = new Set<ChatTag>()
  /** Runs while there are chats to check. */
  #timer: NodeJS.Timeout | undefined
  /** Checks in turn that are due; can be a fraction. */
  #due = 0

  constructor(check: (tag: ChatTag) => Promise<boolean>) {
    this.#check = check
  }

  add(tag: ChatTag): void {
    this.#checkedAt.set(tag, performance.now())
    this.#timer ??= setInterval(() => this.#tick(), 1000 / TICKS_PER_SECOND).unref()
  }

  remove(tag: ChatTag): void {
    this.#checkedAt.delete(tag)
    this.#soon.delete(tag)
    if (this.#checkedAt.size === 0) this.close()
  }

  checkSoon(tag: ChatTag): void {
    if (this.#checkedAt.has(tag)) this.#soon.add(tag)
  }

  checkAllSoon(): void {
    for (const tag of this.#checkedAt.keys()) this.#soon.add(tag)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #tick(): void {
    const soon = [...take(this.#soon, MAX_PER_TICK)]
    const perSecond = Math.max(MIN_PER_SECOND, this.#checkedAt.size / ROUND_S)
    this.#due = Math.min(MAX_PER_TICK, this.#due + perSecond / TICKS_PER_SECOND)
    const inTurn = [...take(this.#checkedAt.keys(), Math.min(Math.floor(this.#due), MAX_PER_TICK - soon.length))]
    this.#due -= inTurn.length
    const now = performance.now()
    const rested = inTurn.filter((tag) => now - (this.#checkedAt.get(tag) ?? now) >= PAUSE_MS)
    for (const tag of new Set([...soon, ...rested])) void this.#run(tag)
  }

  async #run(tag: ChatTag): Promise<void> {
    this.#soon.delete(tag)
    // At the end of the order.
    this.#checkedAt.delete(tag)
    this.#checkedAt.set(tag, performance.now())
    if (!(await this.#check(tag))) setTimeout(() => this.checkSoon(tag), RETRY_MS).unref()
  }
}

function* take<Item>(items: Iterable<Item>, count: number): Generator<Item> {
  let taken = 0
  for (const item of items) {
    if (taken++ >= count) return
    yield item
  }
}
