/**
 * What was said but is not known to have arrived. It outlives a reload where the browser keeps anything, and every
 * attempt has the same key, so that nothing is lost or said twice. All tabs of a chat show it; one at a time sends, in
 * order. Each draft is kept under a name of its own: tabs have no lock on what is kept, and one list of all would lose
 * what two of them add to it at once.
 */
import { batch, signal } from '@preact/signals'
import { type Chat, isRetryable, type Message, RequestError, SillyChatError } from '../../client/index.ts'
import { sentenceFor } from './errors.ts'
import { randomKey } from './random.ts'
import { drop, nameFor, namesUnder, readJson, writeJson } from './storage.ts'
import { withLock } from './tabs.ts'

export interface Draft {
  /** Begins with when it was said, so that drafts have an order. */
  readonly key: string
  readonly text: string
  /** Why the server will not have it, in words for a person. */
  readonly refused?: string
}

/** When sending is tried again after the network was away, unless the server says. */
const RETRY_MS = 2000

export class Outbox {
  readonly drafts = signal<readonly Draft[]>([])
  readonly #chat: Chat
  readonly #storage: string
  readonly #stop: AbortSignal
  readonly #onSent: (message: Message) => void
  /** Called when there is something else to send. */
  #wake: () => void = () => {}
  /** Called when a pause is to be cut short. */
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

  say(text: string): void {
    this.#latest = Math.max(Date.now(), this.#latest + 1)
    this.#keep({ key: `${this.#latest}-${randomKey()}`, text })
  }

  /** Tries a refused one again. Its key stays: an attempt before the one that was refused may have arrived. */
  retry(key: string): void {
    const draft = this.drafts.value.find((one) => one.key === key)
    if (draft !== undefined) this.#keep({ key, text: draft.text })
  }

  discard(key: string): void {
    drop(this.#nameOf(key))
    this.#load()
  }

  /** Sends what there is, and again whenever there is more, until the chat is left. */
  async #send(): Promise<void> {
    while (!this.#stop.aborted) {
      let pauseMs: number | undefined
      // Not longer than it takes: the pauses of a tab in the background are long, those of one that is seen are not.
      await withLock(this.#storage, this.#stop, async () => {
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
      let sent: Message
      try {
        // Once: to wait for another attempt in here would keep other tabs from trying.
        sent = await this.#chat.post(draft.text, draft.key, { attempts: 1 })
      } catch (error) {
        if (this.#stop.aborted || isRetryable(error)) return retryMs(error)
        if (!(error instanceof SillyChatError || error instanceof RequestError)) throw error
        this.#refuse(draft, error)
        continue
      }
      // It has arrived: nothing that fails from here on is a reason to send it again, or to call it refused.
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
    this.#keep({ ...draft, refused: reason || 'The server did not take it.' })
  }

  /** Until there is something to send, or for so many milliseconds: what is said meanwhile has its turn after them. */
  #news(ms: number | undefined): Promise<void> {
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

  #keep(draft: Draft): void {
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

function isDraft(kept: unknown): kept is Draft {
  return (
    typeof kept === 'object' &&
    kept !== null &&
    'key' in kept &&
    typeof kept.key === 'string' &&
    'text' in kept &&
    typeof kept.text === 'string'
  )
}

function retryMs(error: unknown): number {
  return (error instanceof SillyChatError ? error.retryAfterMs : undefined) ?? RETRY_MS
}
