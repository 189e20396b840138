/** Growing output: conditions are checked again whenever it grows. */
import { eventually } from '../support/eventually.ts'

/** Clients need seconds to reconnect to a server. */
const WITHIN_MS = 15_000

export class Growing {
  readonly #checks = new Set<() => void>()
  #end: Error | undefined

  /** Resolves as soon as the condition holds; rejects when the output has ended, or after the deadline. */
  async until(holds: () => boolean, message = `${holds}`): Promise<void> {
    const outcome = await eventually(() => this.#outcomeOf(holds), message, { withinMs: WITHIN_MS })
    if (outcome instanceof Error) throw outcome
  }

  /** The output has grown. */
  grow(): void {
    for (const check of [...this.#checks]) check()
  }

  /** The output has ended. */
  end(why: string): void {
    this.#end ??= new Error(why)
    this.grow()
  }

  #outcomeOf(holds: () => boolean): Promise<true | Error> {
    return new Promise((resolve) => {
      const check = () => {
        const outcome = holds() ? true : this.#end
        if (outcome === undefined) return
        this.#checks.delete(check)
        resolve(outcome)
      }
      this.#checks.add(check)
      check()
    })
  }
}
