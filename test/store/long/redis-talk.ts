/** People in one chat who reach it through any of several nodes, a request here, the next one there. */
import { expect, onTestFinished } from 'vitest'
import { pause } from '../../../src/client/http.ts'
import { Chat, type ChatEvent, createChat, isPassing, type Message } from '../../../src/client/index.ts'
import { type Random, randomFrom } from '../../soak/random.ts'
import type { BuiltServer } from '../../support/built-server.ts'

const RETRY_MS = 50

export interface Talk {
  readonly chat: Chat
  /** What was acknowledged so far. */
  readonly said: readonly Message[]
  /** How often somebody was refused for now. */
  readonly refusals: number
  /** How often a reader has lost its connection. */
  readonly losses: number
  /** Waits until so many more were acknowledged. */
  more(count: number): Promise<void>
  /** Nobody begins to say anything more; then all is compared. */
  end(): Promise<void>
}

interface Options {
  readonly posters?: number
  readonly readers?: number
  readonly seed: number
}

export async function startTalk(
  nodes: readonly BuiltServer[],
  { posters = 6, readers = 4, seed }: Options
): Promise<Talk> {
  const random = randomFrom(seed)
  const abort = new AbortController()
  onTestFinished(() => abort.abort())
  let refusals = 0
  let losses = 0
  /** Each request goes to any node that is up. */
  const anyNode =
    (chance: Random): typeof fetch =>
    async (target, init) => {
      const node = nodes[chance.int(0, nodes.length - 1)]?.url ?? ''
      const answer = await fetch(`${target}`.replace(/^http:\/\/[^/]+/, node), init)
      if (answer.status === 503) {
        refusals++
        expect(answer.headers.get('retry-after')).not.toBeNull()
      }
      return answer
    }
  const made = await createChat(nodes[0]?.url ?? '')
  const chat = new Chat(made.url, made.userId, { fetch: anyNode(random.fork()), signal: abort.signal })

  const told = Array.from({ length: readers }, (): Message[] => [])
  const following = told.map(async (heard) => {
    const events: AsyncGenerator<ChatEvent> = new Chat(made.url, made.userId, { fetch: anyNode(random.fork()) }).events(
      {
        after: 0,
        signal: abort.signal,
        onState: (state) => {
          if (state === 'lost') losses++
        }
      }
    )
    for await (const event of events) {
      if (event.event === 'message') heard.push(event.data)
      else if (event.event === 'reset') throw new Error('a reader was told to begin anew')
    }
  })
  let trouble: unknown
  const noted = (error: unknown): void => {
    if (!abort.signal.aborted) trouble ??= error
  }
  const followed = Promise.all(following).catch(noted)

  /** Sooner again than the client would be by itself. */
  async function say(text: string, key: string): Promise<Message> {
    for (;;) {
      try {
        return await chat.post(text, key, { attempts: 1 })
      } catch (error) {
        if (!isPassing(error)) throw error
        await pause(RETRY_MS, abort.signal)
      }
    }
  }

  const said: Message[] = []
  let isOver = false
  const posting = Array.from({ length: posters }, async (_, poster) => {
    for (let count = 1; !isOver; count++) {
      said.push(await say(`${poster}:${count}`, `${poster}-${count}`))
    }
  })

  const posted = Promise.all(posting).catch(noted)

  async function until(isSo: () => boolean): Promise<void> {
    for (; !isSo(); await new Promise((resolve) => setTimeout(resolve, 10))) {
      if (trouble !== undefined) throw trouble
      abort.signal.throwIfAborted()
    }
  }

  return {
    chat,
    said,
    get refusals() {
      return refusals
    },
    get losses() {
      return losses
    },
    more: (count) => {
      const wanted = said.length + count
      return until(() => said.length >= wanted)
    },
    end: async () => {
      isOver = true
      await posted
      expect(trouble).toBeUndefined()
      const { messages } = await chat.read()
      // Nothing lost, nothing doubled: what was said is there once, with the id and the text it was acknowledged with.
      expect([...said].sort((one, other) => one.id - other.id)).toEqual(messages)
      expect(new Set(messages.map(({ text }) => text)).size).toBe(messages.length)
      // Everybody's own words in the order in which they were said.
      for (let poster = 0; poster < posters; poster++) {
        const own = messages.flatMap(({ text }) => (text.startsWith(`${poster}:`) ? [text] : []))
        expect(own).toEqual(own.map((_, index) => `${poster}:${index + 1}`))
      }
      await until(() => told.every((heard) => heard.length >= messages.length))
      for (const heard of told) expect(heard).toEqual(messages)
      for (const { url } of nodes) {
        const there = await new Chat(made.url.replace(/^http:\/\/[^/]+/, url), made.userId).read()
        expect(there.messages).toEqual(messages)
      }
      abort.abort()
      await followed
    }
  }
}
