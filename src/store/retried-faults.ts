/** Faults of background work that is retried until it succeeds. */
import { StoreUnavailable } from '../chat/store.ts'

export interface FaultHooks {
  /**
   * Background work has failed and is retried. Called once per kind of fault, and again only after no work fails with that
   * kind any more. Transient faults are reported only if they last.
   */
  readonly onFault: (fault: unknown) => void
}

/** A transient fault is reported only after this time. */
const TRANSIENT_GRACE_MS = 5000

interface Failing {
  readonly firstFailedAt: number
  /** The kind of fault that it is counted under in `#reported`. */
  kind?: string
}

/** Reports a fault once, even if many kinds of work fail with it repeatedly. */
export class RetriedFaults {
  readonly #hooks: FaultHooks
  readonly #failing = new Map<string, Failing>()
  /** By kind of fault that was reported: how many kinds of work are failing with it. */
  readonly #reported = new Map<string, number>()

  constructor(hooks: FaultHooks) {
    this.#hooks = hooks
  }

  /** The work with this name has failed and is retried. */
  failed(work: string, fault: unknown, isTransient = fault instanceof StoreUnavailable): void {
    const failing = this.#failing.get(work) ?? { firstFailedAt: performance.now() }
    this.#failing.set(work, failing)
    if (isTransient && performance.now() - failing.firstFailedAt < TRANSIENT_GRACE_MS) return
    const kind = kindOf(fault)
    if (failing.kind === kind) return
    this.#release(failing)
    failing.kind = kind
    const others = this.#reported.get(kind) ?? 0
    this.#reported.set(kind, others + 1)
    if (others === 0) this.#hooks.onFault(fault)
  }

  /** The work has succeeded or is no longer needed. */
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

/** Equal for faults that differ only in details: type and first word of the error and of each of its causes. */
function kindOf(fault: unknown): string {
  const kinds: string[] = []
  for (let error = fault; error instanceof Error && kinds.length < 5; error = error.cause) {
    kinds.push(`${error.name} ${error.constructor.name} ${error.message.split(/[\s:]/, 1)[0]}`)
  }
  return kinds.join(' < ') || typeof fault
}
