/** Faults of work that nobody waits for and that is tried again until it succeeds. */
import { StoreUnavailable } from '../chat/store.ts'

export interface FaultHooks {
  /**
   * Work in the background failed with this and is tried again. Called once per kind of fault, until nothing fails
   * that way any more; of what may pass by itself only if it lasts.
   */
  readonly onFault: (fault: unknown) => void
}

/** What may pass by itself is no news before. */
const PATIENCE_MS = 5000

interface Failing {
  readonly since: number
  /** The kind that was counted for it. */
  kind?: string
}

/** Says of many works that fail for the same reason, and fail again and again, only once why. */
export class RetriedFaults {
  readonly #hooks: FaultHooks
  readonly #failing = new Map<string, Failing>()
  /** How many works fail by each kind that was reported. */
  readonly #reported = new Map<string, number>()

  constructor(hooks: FaultHooks) {
    this.#hooks = hooks
  }

  /** The work of this name has failed and is tried again. `isTransient`: it may pass by itself. */
  failed(work: string, fault: unknown, isTransient = fault instanceof StoreUnavailable): void {
    const failing = this.#failing.get(work) ?? { since: performance.now() }
    this.#failing.set(work, failing)
    if (isTransient && performance.now() - failing.since < PATIENCE_MS) return
    const kind = kindOf(fault)
    if (failing.kind === kind) return
    this.#release(failing)
    failing.kind = kind
    const others = this.#reported.get(kind) ?? 0
    this.#reported.set(kind, others + 1)
    if (others === 0) this.#hooks.onFault(fault)
  }

  /** It has succeeded, or is not wanted any more. */
  ended(work: string): void {
    const failing = this.#failing.get(work)
    if (failing === undefined) return
    this.#failing.delete(work)
    this.#release(failing)
  }

  #release({ kind }: Failing): void {
    if (kind === undefined) return
    const others = (this.#reported.get(kind) ?? 0) - 1
    if (others > 0) this.#reported.set(kind, others)
    else this.#reported.delete(kind)
  }
}

/** The same for faults that differ in their details alone: the first words of each and of what caused it. */
function kindOf(fault: unknown): string {
  const words: string[] = []
  for (let error = fault; error instanceof Error && words.length < 5; error = error.cause) {
    words.push(`${error.name} ${error.constructor.name} ${error.message.split(/[\s:]/, 1)[0]}`)
  }
  return words.join(' < ') || typeof fault
}
