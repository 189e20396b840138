/**
 * What was said but is not known to have arrived. It outlives a reload, and every attempt has the same key, so that
 * nothing is lost or said twice. All tabs of a chat show it; one at a time sends, in order.
 */
import { signal } from '@preact/signals'
import { type Chat, isPassing, type Message, SillyChatError } from '../../client/index.ts'
import { randomKey } from './random.ts'
import { nameFor, readJson, writeJson } from './storage.ts'
import { exclusively } from './tabs.ts'

export interface Draft {
  readonly key: string
  readonly text: string
  /** Why the server will not have it, in words for a person. */
  readonly refused?: string
}

/** When sending is tried again after the network was away, unless the server says. */
const RETRY_MS = 3000

export class Outbox {
  readonly drafts = signal<readonly Draft[]>([])
  readonly #chat: Chat
  readonly #storage: string
  readonly #stop: AbortSignal
  readonly #onSent: (message: Message) => void
  #wake: () => void = () => {}

  constructor(chat: Chat, path: string, stop: AbortSignal, onSent: (message: Message) => void) {
    this.#chat = chat
    this.#storage = nameFor('outbox', path)
    this.#stop = stop
    this.#onSent = onSent
    this.#load()
    const reload = ({ key }: StorageEvent): void => {
      if (key === this.#storage) this.#load()
    }
    addEventListener('storage', reload, { signal: stop })
    addEventListener('online', () => this.#wake(), { signal: stop })
    stop.addEventListener('abort', () => this.#wake(), { once: true })
    void this.#send()
  }

  say(text: string): void {
    this.#change((drafts) => [...drafts, { key: randomKey(), text }])
  }

  /** Tries a refused one again, under a key of its own. */
  retry(key: string): void {
    this.#change((drafts) => drafts.map((one) => (one.key === key ? { key: randomKey(), text: one.text } : one)))
  }

  discard(key: string): void {
    this.#change((drafts) => drafts.filter((one) => one.key !== key))
  }

  /** Sends what there is, and again whenever there is more, until the chat is left. */
  async #send(): Promise<void> {
    while (!this.#stop.aborted) {
      let pauseMs: number | undefined
      // Not longer than it takes: the pauses of a tab in the background are long, those of one that is seen are not.
      await exclusively(this.#storage, this.#stop, async () => {
        pauseMs = await this.#sendAll()
      })
      await this.#news(pauseMs)
    }
  }

  /** When to try again, in milliseconds; undefined once all is sent. */
  async #sendAll(): Promise<number | undefined> {
    for (;;) {
      this.#load()
      const draft = this.#next()
      if (draft === undefined) return undefined
      try {
        this.#onSent(await this.#chat.post(draft.text, draft.key))
        this.discard(draft.key)
      } catch (error) {
        if (this.#stop.aborted || isPassing(error)) return retryMs(error)
        this.#refuse(draft.key, error)
      }
    }
  }

  #next(): Draft | undefined {
    return this.drafts.value.find(({ refused }) => refused === undefined)
  }

  #refuse(key: string, error: unknown): void {
    const refused = error instanceof SillyChatError ? error.problem.detail : 'The server did not take it.'
    this.#change((drafts) => drafts.map((one) => (one.key === key ? { ...one, refused } : one)))
  }

  /** Until there is something to send, and so many milliseconds at most. */
  #news(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      if (ms !== undefined) setTimeout(resolve, ms)
      else if (this.#next() !== undefined || this.#stop.aborted) resolve()
    })
  }

  #change(decide: (drafts: readonly Draft[]) => readonly Draft[]): void {
    this.#load()
    this.drafts.value = decide(this.drafts.value)
    if (this.drafts.value.length === 0) localStorage.removeItem(this.#storage)
    else writeJson(this.#storage, this.drafts.value)
    this.#wake()
  }

  #load(): void {
    const kept = readJson(this.#storage)
    const drafts: readonly Draft[] = Array.isArray(kept) ? kept : []
    const before = this.drafts.value
    if (JSON.stringify(before) === JSON.stringify(drafts)) return
    this.drafts.value = drafts
    this.#wake()
  }
}

function retryMs(error: unknown): number {
  return (error instanceof SillyChatError ? error.retryAfterMs : undefined) ?? RETRY_MS
}
