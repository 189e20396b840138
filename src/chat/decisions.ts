/**
 * Decides on doors, one chat at a time. What is to be decided while a commit of the same chat is under way waits; then it is
 * decided one after the other and committed together. So guests who knock at the same moment do not conflict with each other.
 * Withdrawals are committed apart from everything else, because a full store can accept them alone.
 */
import { asOf, type Lifetime, type PresentChat } from './as-of.ts'
import { type Change, forgetNetworks } from './changes.ts'
import type { Block, Door } from './door.ts'
import type { DoorEvent } from './events.ts'
import type { ChatTag } from './ids.ts'
import { isRefusal, Refused, type ServiceRefusal } from './refusals.ts'
import type { DoorStats } from './stats.ts'
import type { LoadedChat, Store } from './store.ts'

/** Decisions that are committed together. One can log a hundred events. */
const MAX_TOGETHER = 50

export interface DecisionsOptions {
  readonly store: Store
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  /** What the store's clock shows at this instant of `now`. */
  readonly toStoreTime: (instant: number) => number
  readonly lifetime: Lifetime
  readonly stats: DoorStats
}

/** Decides on a door at an instant; `chat` is the chat as it was before. */
export type Decide<Result> = (door: Door, at: number, chat: LoadedChat) => Change<Result> | ServiceRefusal

interface Waiting {
  /** Decides on a door. `settle` reports the outcome, once the door is stored. */
  readonly decide: (
    door: Door,
    at: number,
    chat: LoadedChat
  ) => { readonly change?: Change<unknown>; readonly settle: () => void }
  readonly commitsDue: boolean
  readonly onGone: () => void
  readonly onFault: (error: unknown) => void
}

/** The door after the first decisions of a batch, as many as can be committed together. */
interface Decided {
  readonly count: number
  readonly isWithdrawal: boolean
  readonly door: Door
  readonly events: readonly DoorEvent[]
  /** The door before each group of events. */
  readonly steps: readonly { readonly before: Door; readonly events: readonly DoorEvent[] }[]
  readonly settle: () => void
}

export class Decisions {
  readonly #options: DecisionsOptions
  readonly #queues = new Map<ChatTag, Waiting[]>()

  constructor(options: DecisionsOptions) {
    this.#options = options
  }

  /**
   * Decides on the door of a chat as it is now, and resolves when the change is stored, or to `gone` if there is no such
   * chat. What is due is stored with the change; with `commitsDue` also if the decision changes nothing.
   * @throws Refused what `decide` refuses
   */
  decide<Result>(tag: ChatTag, decide: Decide<Result>, commitsDue = false): Promise<Result | 'gone'> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        decide: (...now) => {
          const decision = decide(...now)
          if (isRefusal(decision)) return { settle: () => reject(new Refused(decision)) }
          return { change: decision, settle: () => resolve(decision.result) }
        },
        commitsDue,
        onGone: () => resolve('gone'),
        onFault: reject
      }
      const queue = this.#queues.get(tag)
      if (queue === undefined) {
        this.#queues.set(tag, [waiting])
        void this.#run(tag)
      } else queue.push(waiting)
    })
  }

  async #run(tag: ChatTag): Promise<void> {
    for (let queue = this.#queues.get(tag); queue !== undefined && queue.length > 0; queue = this.#queues.get(tag)) {
      const batch = queue.splice(0, MAX_TOGETHER)
      try {
        await this.#decideAll(tag, batch)
      } catch (error) {
        for (const { onFault } of batch) onFault(error)
      }
    }
    this.#queues.delete(tag)
  }

  /** Decides on the first ones of `batch`, and puts back into the queue what cannot be committed with them. */
  async #decideAll(tag: ChatTag, batch: Waiting[]): Promise<void> {
    const { store } = this.#options
    for (let stored = await store.load(tag); stored !== undefined; stored = await store.load(tag)) {
      const at = this.#options.now()
      const present = asOf(stored, at, this.#options.lifetime)
      const outcome =
        present === 'ended'
          ? await this.#removeEnded(tag, stored, at)
          : await this.#decideOn(tag, stored, present, batch, at)
      if (outcome === 'gone') break
      if (outcome === 'done') return
    }
    for (const { onGone } of batch) onGone()
  }

  /** A chat that has ended is gone for everybody, also while it cannot be removed. */
  async #removeEnded(tag: ChatTag, { door, lastEventId }: LoadedChat, at: number): Promise<'gone' | 'conflict'> {
    const { store, stats, toStoreTime } = this.#options
    if (store.canRemoveIdle?.() === false) return 'gone'
    if (!(await store.remove(tag, lastEventId, toStoreTime(at)))) return 'conflict'
    stats.ended(door)
    return 'gone'
  }

  async #decideOn(
    tag: ChatTag,
    stored: LoadedChat,
    { chat, events: due }: PresentChat,
    batch: Waiting[],
    at: number
  ): Promise<'done' | 'conflict' | 'gone'> {
    const present = { ...chat, door: forgetNetworks(chat.door, at) }
    const decided = decideInTurn(stored.door, present, due, batch, at)
    this.#queues.get(tag)?.unshift(...batch.splice(decided.count))
    const commitsDue = batch.some((one) => one.commitsDue)
    if (decided.door !== (commitsDue ? stored.door : present.door)) {
      const instant = decided.door === present.door ? chat.idleSince : at
      const { door, events, isWithdrawal } = decided
      const outcome = await this.#options.store.commit(tag, stored.version, door, events, instant, { isWithdrawal })
      if (typeof outcome === 'string') return outcome
      for (const { before, events } of decided.steps) this.#options.stats.changed(before, events)
    }
    decided.settle()
    return 'done'
  }
}

function decideInTurn(
  stored: Door,
  present: LoadedChat,
  due: readonly DoorEvent[],
  batch: readonly Waiting[],
  at: number
): Decided {
  const steps = [{ before: stored, events: due }]
  const outcomes: (() => void)[] = []
  let { door } = present
  /** Undefined as long as no decision changes anything. */
  let isWithdrawal: boolean | undefined
  for (const { decide, commitsDue } of batch) {
    const { change, settle } = decide(door, at, present)
    // What is due only ends links and requests.
    let kind = commitsDue && present.door !== stored ? true : undefined
    if (change !== undefined && change.door !== door) kind = withdraws(door, change)
    isWithdrawal ??= kind
    if (kind !== undefined && kind !== isWithdrawal) break
    outcomes.push(settle)
    if (change === undefined) continue
    steps.push({ before: door, events: change.events })
    door = change.door
  }
  return {
    count: outcomes.length,
    isWithdrawal: isWithdrawal === true,
    door,
    events: steps.flatMap(({ events }) => events),
    steps,
    settle: () => {
      for (const settle of outcomes) settle()
    }
  }
}

/** Whether a change only ends requests and links, or blocks a network. */
function withdraws(before: Door, { door, events }: Change<unknown>): boolean {
  if (events.length > 0) return events.every(({ type }) => type === 'join_declined' || type === 'join_closed')
  const known = new Set(blocksOf(before))
  return openLinks(door) < openLinks(before) || blocksOf(door).some((block) => !known.has(block))
}

function openLinks({ links }: Door): number {
  return links.filter(({ ended }) => ended === null).length
}

function blocksOf({ links }: Door): readonly Block[] {
  return links.flatMap(({ blocks = [] }) => blocks)
}
