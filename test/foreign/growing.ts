/** Output that grows: conditions on it are checked again whenever something has come. */
import { eventually } from '../support/eventually.ts'

/** Clients that have lost a server come back after seconds. */
const WITHIN_MS = 15_000

export class Growing {
  readonly #checks = new Set<() => void>()
  #end: Error | undefined

  /** Resolves as soon as the condition holds; rejects once nothing more can come, or after some time. */
  async until(holds: () => boolean, message = `${holds}`): Promise<void> {
    const outcome = await eventually(() => this.#outcomeOf(holds), message, { withinMs: WITHIN_MS })
    if (outcome instanceof Error) throw outcome
  }

  /** Something has come. */
  grow(): void {
    for (const check of [...this.#checks]) check()
  }

  /** Nothing more will come. */
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
