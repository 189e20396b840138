/**
 * What was said but is not known to have arrived. It outlives a reload, and every attempt has the same key, so that
 * nothing is lost or said twice. One tab sends, in order; the others show.
 */
import { signal } from '@preact/signals'
import { type Chat, type Message, SillyChatError } from '../../client/index.ts'
import { randomKey } from './random.ts'
import { exclusively } from './tabs.ts'

export interface Draft {
  readonly key: string
  readonly text: string
  /** Why the server will not have it, in words for a person. */
  readonly refused?: string
}

/** When sending is tried again after the network was away. */
const RETRY_MS = 3000

export class Outbox {
  readonly drafts = signal<readonly Draft[]>([])
  readonly #chat: Chat
  readonly #storage: string
  readonly #onSent: (message: Message) => void
  readonly #signal: AbortSignal
  #wake: () => void = () => {}

  constructor(chat: Chat, path: string, stop: AbortSignal, onSent: (message: Message) => void) {
    this.#chat = chat
    this.#storage = `silly-chat:outbox:${path}`
    this.#signal = stop
    this.#onSent = onSent
    this.#load()
    const reload = ({ key }: StorageEvent): void => {
      if (key === this.#storage) this.#load()
    }
    addEventListener('storage', reload, { signal: stop })
    addEventListener('online', () => this.#wake(), { signal: stop })
    exclusively(this.#storage, stop, () => this.#send())
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
    while (!this.#signal.aborted) {
      const draft = this.drafts.value.find(({ refused }) => refused === undefined)
      if (draft === undefined) await this.#news()
      else await this.#attempt(draft)
    }
  }

  async #attempt({ key, text }: Draft): Promise<void> {
    try {
      this.#onSent(await this.#chat.post(text, key))
      this.discard(key)
    } catch (error) {
      if (error instanceof SillyChatError && error.status < 500 && error.status !== 429) {
        const refused = error.problem.detail
        this.#change((drafts) => drafts.map((one) => (one.key === key ? { ...one, refused } : one)))
      } else await this.#news(RETRY_MS)
    }
  }

  #news(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#signal.addEventListener('abort', () => resolve(), { once: true })
      if (ms !== undefined) setTimeout(resolve, ms)
    })
  }

  #change(decide: (drafts: readonly Draft[]) => readonly Draft[]): void {
    this.#load()
    this.drafts.value = decide(this.drafts.value)
    if (this.drafts.value.length === 0) localStorage.removeItem(this.#storage)
    else localStorage.setItem(this.#storage, JSON.stringify(this.drafts.value))
    this.#wake()
  }

  #load(): void {
    const text = localStorage.getItem(this.#storage)
    this.drafts.value = text === null ? [] : JSON.parse(text)
    this.#wake()
  }
}
