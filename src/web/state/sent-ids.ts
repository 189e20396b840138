/** Which messages this browser has sent, so that they are shown as one's own whatever name stands in front of them. */
import { signal } from '@preact/signals'
import { nameFor, readJson, writeJson } from './storage.ts'

/** The latest so many are remembered. */
const KEPT = 2000

export class SentIds {
  readonly ids = signal<ReadonlySet<number>>(new Set())
  readonly #storage: string

  constructor(chatPath: string) {
    this.#storage = nameFor('sent', chatPath)
    const kept = readJson(this.#storage)
    if (Array.isArray(kept)) this.ids.value = new Set(kept)
  }

  add(id: number): void {
    if (this.ids.value.has(id)) return
    this.ids.value = new Set([...this.ids.value, id].slice(-KEPT))
    writeJson(this.#storage, [...this.ids.value])
  }
}
