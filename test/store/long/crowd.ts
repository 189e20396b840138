/**
 * People in one chat that several processes serve. Each request goes to any of them; what they were answered and told is
 * written down, and in the end compared with the log.
 */
import { expect, onTestFinished } from 'vitest'
import { Chat, type ChatEvent, isPassing, type Message, SillyChatError } from '../../../src/client/index.ts'
import { hastyFetch } from '../../soak/network.ts'
import type { Random } from '../../soak/random.ts'
import { createChatWithMember, refusal } from '../../support/api.ts'
import type { BuiltServer } from '../../support/built-server.ts'

interface Said {
  readonly user: string
  readonly text: string
  readonly key: string
  /** The highest event id that anybody had been told of when it was sent first. */
  readonly after: number
  /** As it was acknowledged. */
  id?: number
}

interface Reader {
  readonly name: string
  readonly told: Message[]
  connections: number
}

interface Figures {
  readonly acknowledged: number
  /** How often it had to be sent again: refused, and not answered at all. */
  readonly refused: number
  readonly lost: number
  /** The longest that anybody waited for an answer, in milliseconds. */
  readonly slowestMs: number
  /** Over all streams: the connections beyond the first of each. */
  readonly reconnects: number
}

export interface Crowd {
  /** Posts something at this process; whether it answers that the store cannot be reached. */
  isRefusedAt(node: BuiltServer): Promise<boolean>
  readonly figures: Figures
  /** Resolves once so many more posts are acknowledged. */
  acknowledged(more: number): Promise<void>
  /** Everybody becomes silent, all streams come to the end of the log, and all is compared. */
  finish(): Promise<void>
}

interface Options {
  readonly nodes: readonly [BuiltServer, ...BuiltServer[]]
  readonly random: Random
  /** To which of the processes posters may turn; all if none are named. */
  readonly postingAt?: readonly [BuiltServer, ...BuiltServer[]]
}

const LAST = 'the last word'
const MAX_PAUSE_MS = 20
const RETRY_MS = 50
/** What nobody should have to wait for an answer. */
const DEADLINE_MS = 8000

/** An owner and a member who post, twice each, and who read at every process. */
export async function gather({ nodes, random, postingAt = nodes }: Options): Promise<Crowd> {
  const { chat, owner, member } = await createChatWithMember(nodes[0])
  const path = new URL(chat).pathname
  const at = (node: BuiltServer) => node.url + path
  const [end, gone] = [new AbortController(), new AbortController()]
  onTestFinished(() => gone.abort())
  const said: Said[] = []
  const readers: Reader[] = []
  const trouble: string[] = []
  const counts = { acknowledged: 0, refused: 0, lost: 0, slowestMs: 0, highest: 0 }
  const waiting = new Set<() => void>()

  async function ask(post: Said, node: BuiltServer): Promise<Response | undefined> {
    const began = performance.now()
    try {
      return await fetch(at(node), {
        method: 'POST',
        headers: {
          authorization: `Bearer ${post.user}`,
          'content-type': 'application/json',
          'idempotency-key': post.key
        },
        body: JSON.stringify({ text: post.text }),
        signal: AbortSignal.any([gone.signal, AbortSignal.timeout(DEADLINE_MS)])
      })
    } catch (error) {
      if (!isPassing(error) && !gone.signal.aborted) trouble.push(`${post.text}: ${error}`)
      return undefined
    } finally {
      counts.slowestMs = Math.max(counts.slowestMs, performance.now() - began)
    }
  }

  /** The answer, unless it is worth trying again. */
  async function tryToSay(
    post: Said,
    node = random.pick(...postingAt)
  ): Promise<Message | 'refused' | 'lost' | 'for good'> {
    const answer = await ask(post, node)
    if (answer === undefined) return 'lost'
    if (answer.status === 201) return await messageIn(answer)
    const [status, kind] = await refusal(answer)
    if (kind === 'store-unreachable' && Number(answer.headers.get('retry-after')) > 0) return 'refused'
    trouble.push(`${post.text} was answered with ${status} ${kind}`)
    return 'for good'
  }

  async function say(post: Said): Promise<void> {
    while (!gone.signal.aborted) {
      const answer = await tryToSay(post)
      if (answer === 'for good') return
      if (typeof answer === 'object') {
        acknowledge(post, answer)
        return
      }
      counts[answer]++
      await pause(RETRY_MS)
    }
  }

  function acknowledge(post: Said, { id, text }: Message): void {
    if (text !== post.text) trouble.push(`${post.text} was answered with ${text}`)
    if (post.id !== undefined && post.id !== id) trouble.push(`${post.text} is ${post.id} and ${id}`)
    post.id = id
    counts.highest = Math.max(counts.highest, id)
    counts.acknowledged++
    for (const look of waiting) look()
  }

  async function isRefusedAt(node: BuiltServer): Promise<boolean> {
    const name = `probe-${said.length}`
    const post: Said = { user: owner, text: name, key: name, after: counts.highest }
    said.push(post)
    const answer = await tryToSay(post, node)
    // Refused or not, it may have been done: it is said to the end.
    posted.push(say(post))
    return answer === 'refused'
  }

  async function poster(name: string, user: string): Promise<void> {
    for (let count = 1; !end.signal.aborted; count++) {
      const text = `${name}-${count} ${'x'.repeat(random.magnitude(500))}`
      const post: Said = { user, text, key: `${name}-${count}`, after: counts.highest }
      said.push(post)
      const times = random.chance(0.1) ? 2 : 1
      await Promise.all(Array.from({ length: times }, () => say(post)))
      await pause(random.int(0, MAX_PAUSE_MS))
    }
  }

  /** Hears one event; whether it was the last. */
  function hear({ name, told }: Reader, event: ChatEvent): boolean {
    if (event.event === 'reset' || event.event === 'closed') trouble.push(`${name} was told ${event.event}`)
    if (event.event !== 'message') return false
    told.push(event.data)
    return event.data.text === LAST
  }

  /** Follows the chat from its beginning, at one process as long as that goes well, then at any. */
  async function reader(name: string, user: string, first: BuiltServer): Promise<void> {
    const book: Reader = { name, told: [], connections: 0 }
    readers.push(book)
    const fetchSoon = hastyFetch(() => book.connections++)
    const fetchAnywhere: typeof fetch = (input, init) => {
      const node = book.connections === 0 ? first : random.pick(...nodes)
      return fetchSoon(`${input}`.replace(chat, at(node)), init)
    }
    const following = new Chat(chat, user, { fetch: fetchAnywhere, signal: gone.signal })
    try {
      for await (const event of following.events({ after: 0 })) if (hear(book, event)) return
    } catch (error) {
      if (!gone.signal.aborted) trouble.push(`${name}: ${error}`)
    }
  }

  const read = nodes.map((node, index) =>
    Promise.all([reader(`owner at ${index}`, owner, node), reader(`member at ${index}`, member, node)])
  )
  const posted = [poster('owner', owner), poster('twin', owner), poster('ana', member), poster('ben', member)]

  return {
    isRefusedAt,
    get figures() {
      const { highest: _, ...figures } = counts
      return { ...figures, reconnects: readers.reduce((sum, { connections }) => sum + connections - 1, 0) }
    },
    acknowledged(more) {
      const wanted = counts.acknowledged + more
      return new Promise((resolve) => {
        const look = (): void => {
          if (counts.acknowledged < wanted) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
      })
    },
    async finish() {
      end.abort()
      await Promise.all(posted)
      const last: Said = { user: owner, text: LAST, key: LAST, after: counts.highest }
      said.push(last)
      await say(last)
      await Promise.all(read)
      expect(trouble).toEqual([])
      const { messages } = await readPatiently(new Chat(at(nodes[0]), owner))
      for (const node of nodes.slice(1)) {
        expect((await readPatiently(new Chat(at(node), member))).messages).toEqual(messages)
      }
      checkLog(said, messages)
      for (const { name, told } of readers) expect(told, name).toEqual(messages)
    }
  }
}

/** Nothing is lost or doubled, and nothing stands before what its poster may have known. */
function checkLog(said: readonly Said[], messages: readonly Message[]): void {
  const ids = messages.map(({ id }) => id)
  expect(ids).toEqual([...new Set(ids)].sort((one, other) => one - other))
  const wanted = said.map(({ id = 0, text }): [number, string] => [id, text]).sort(([one], [other]) => one - other)
  expect(messages.map(({ id, text }) => [id, text])).toEqual(wanted)
  expect(said.filter(({ id = 0, after }) => id <= after)).toEqual([])
}

async function readPatiently(chat: Chat) {
  for (;;) {
    try {
      return await chat.read()
    } catch (error) {
      if (!(error instanceof SillyChatError) || error.kind !== 'store-unreachable') throw error
      await pause(RETRY_MS)
    }
  }
}

/** A process that is killed may have sent no more than the head of its answer. */
async function messageIn(answer: Response): Promise<Message | 'lost'> {
  try {
    const said: Message = JSON.parse(await answer.text())
    return said
  } catch {
    return 'lost'
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
