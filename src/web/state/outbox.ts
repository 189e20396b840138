/**
 * Messages that the server has not acknowledged. They survive a reload if the browser has storage. All attempts for a
 * message have the same idempotency key, so it is posted exactly once. All tabs of a chat show the outbox; one tab at a
 * time sends, in order. Each draft has its own name in the storage: the storage has no locks, so two tabs that changed one
 * list at the same time would lose an entry.
 */
import { batch, signal } from '@preact/signals'
import { type Chat, isRetryable, type Message, RequestError, SillyChatError } from '../../client/index.ts'
import { sentenceFor } from './errors.ts'
import { randomKey } from './random.ts'
import { drop, nameFor, namesUnder, readJson, writeJson } from './storage.ts'
import { withLock } from './tabs.ts'

export interface Draft {
  /** Begins with a time, so that drafts are sorted by it. */
  readonly key: string
  readonly text: string
  /** Why the server refused it, as a sentence for people. */
  readonly refused?: string
}

/** The retry pause, unless the server names one. */
const RETRY_MS = 2000

export class Outbox {
  readonly drafts = signal<readonly Draft[]>([])
  readonly #chat: Chat
  readonly #storage: string
  readonly #stop: AbortSignal
  readonly #onSent: (message: Message) => void
  /** Called when the drafts have changed. */
  #wake: () => void = () => {}
  /** Ends the current pause. */
  #hurry: () => void = () => {}
  #latest = 0

  constructor(
    chat: Chat,
    path: string,
    stop: AbortSignal,
    onSent: (message: Message) => void,
    onFault: (error: unknown) => void
  ) {
    this.#chat = chat
    this.#storage = nameFor('outbox', path)
    this.#stop = stop
    this.#onSent = onSent
    this.#load()
    const reload = ({ key }: StorageEvent): void => {
      if (key === null || key.startsWith(this.#storage)) this.#load()
    }
    addEventListener('storage', reload, { signal: stop })
    addEventListener('online', () => this.#hurry(), { signal: stop })
    stop.addEventListener('abort', () => this.#hurry(), { once: true })
    this.#send().catch(onFault)
  }

  add(text: string): void {
    this.#latest = Math.max(Date.now(), this.#latest + 1)
    this.#save({ key: `${this.#latest}-${randomKey()}`, text })
  }

  /** Sends a refused draft again. It keeps its key, because an attempt before the refused one may have arrived. */
  retry(key: string): void {
    const draft = this.drafts.value.find((one) => one.key === key)
    if (draft !== undefined) this.#save({ key, text: draft.text })
  }

  discard(key: string): void {
    drop(this.#nameOf(key))
    this.#load()
  }

  /** Sends all drafts, then waits for more, until the session ends. */
  async #send(): Promise<void> {
    while (!this.#stop.aborted) {
      let pauseMs: number | undefined
      // Pauses without holding the lock: browsers slow down the timers of background tabs.
      await withLock(this.#storage, this.#stop, async () => {
        pauseMs = await this.#sendAll()
      })
      await this.#waitForDrafts(pauseMs)
    }
  }

  /** Returns the retry pause in milliseconds, or undefined if everything is sent. */
  async #sendAll(): Promise<number | undefined> {
    for (;;) {
      this.#load()
      const draft = this.#next()
      if (draft === undefined) return undefined
      let sent: Message
      try {
        // One attempt only: a retry pause in here would hold the lock.
        sent = await this.#chat.post(draft.text, draft.key, { attempts: 1 })
      } catch (error) {
        if (this.#stop.aborted || isRetryable(error)) return retryMs(error)
        if (!(error instanceof SillyChatError || error instanceof RequestError)) throw error
        this.#refuse(draft, error)
        continue
      }
      // Outside the try block: an error in here must not send the message again or mark it as refused.
      batch(() => {
        this.discard(draft.key)
        this.#onSent(sent)
      })
    }
  }

  #next(): Draft | undefined {
    return this.drafts.value.find(({ refused }) => refused === undefined)
  }

  #refuse(draft: Draft, error: SillyChatError | RequestError): void {
    const reason = error instanceof SillyChatError ? error.problem.detail : sentenceFor(error)
    this.#save({ ...draft, refused: reason || 'The server refused it. Try again?' })
  }

  /** Waits `ms` milliseconds, even if drafts are added; without `ms`, until there is something to send. */
  #waitForDrafts(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      this.#hurry = resolve
      this.#wake = ms === undefined ? resolve : () => {}
      if (ms !== undefined) setTimeout(resolve, ms)
      else if (this.#next() !== undefined || this.#stop.aborted) resolve()
    })
  }

  #nameOf(key: string): string {
    return `${this.#storage}:${key}`
  }

  #save(draft: Draft): void {
    writeJson(this.#nameOf(draft.key), draft)
    this.#load()
  }

  #load(): void {
    const drafts = namesUnder(this.#storage).map(readJson).filter(isDraft)
    if (JSON.stringify(this.drafts.value) === JSON.stringify(drafts)) return
    this.drafts.value = drafts
    this.#wake()
  }
}

function isDraft(stored: unknown): stored is Draft {
  return (
    typeof stored === 'object' &&
    stored !== null &&
    'key' in stored &&
    typeof stored.key === 'string' &&
    'text' in stored &&
    typeof stored.text === 'string'
  )
}

function retryMs(error: unknown): number {
  return (error instanceof SillyChatError ? error.retryAfterMs : undefined) ?? RETRY_MS
}
