/** The ids of messages that this browser has sent, to display them as own messages whatever name they begin with. */
import { signal } from '@preact/signals'
import { nameFor, readJson, writeJson } from './storage.ts'

const MAX_IDS = 2000

export class SentIds {
  readonly ids = signal<ReadonlySet<number>>(new Set())
  readonly #storage: string

  constructor(chatPath: string) {
    this.#storage = nameFor('sent', chatPath)
    const stored = readJson(this.#storage)
    if (Array.isArray(stored)) this.ids.value = new Set(stored)
  }

  add(id: number): void {
    if (this.ids.value.has(id)) return
    this.ids.value = new Set([...this.ids.value, id].slice(-MAX_IDS))
    writeJson(this.#storage, [...this.ids.value])
  }
}
