/** Waits for what comes from outside: whenever something has come, every condition is looked at again. */
export class Growing {
  readonly #looks = new Set<() => void>()
  #end: Error | undefined

  /** Resolves as soon as the condition holds; rejects once nothing more can come. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (holds()) resolve()
        else if (this.#end !== undefined) reject(this.#end)
        else return
        this.#looks.delete(look)
      }
      this.#looks.add(look)
      look()
    })
  }

  /** Something has come. */
  grow(): void {
    for (const look of [...this.#looks]) look()
  }

  /** Nothing more will come. */
  end(why: string): void {
    this.#end ??= new Error(why)
    this.grow()
  }
}
