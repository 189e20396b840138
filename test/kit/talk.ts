/** Actors who post, and actors who read. */
import { Chat, type ChatEvent, type Message, SillyChatError } from '../../dist/client/index.js'
import { type ChatBook, digestOf, newReader, type PostBook, type ReaderBook, receive } from './book.ts'
import { fetchAt } from './fetch.ts'
import type { Random } from './random.ts'
import { insist, isProblem, linger, note, type Scene, viewOf } from './scene.ts'

/** Less than the longest stall, so that clients sometimes give up silent connections. */
const SILENCE_MS = 2000
const PATIENT_MS = 60_000
const MAX_TEXT = 4000
/** More than the buffers of the operating system, so that a reader which takes nothing falls behind. */
const BURST = { lanes: 100, posts: 10 }

interface PostOptions {
  readonly place?: () => string
  readonly hasKey?: boolean
}

/** Records a post and returns a function that sends it, always with the same key, and throws unless it is acknowledged. */
export function preparePost(
  { book, end, patience, ...scene }: Scene,
  user: string,
  label: string,
  body: string,
  { place = scene.place, hasKey = true }: PostOptions = {}
): () => Promise<void> {
  const fetch = hasKey ? fetchAt(place) : withoutKey(fetchAt(place))
  const chat = new Chat(book.owner.url, user, { fetch, signal: end })
  const text = `${label} ${body}`
  const key = `key of ${label}`
  const entry: PostBook = { label, digest: digestOf(text), after: book.newest }
  if (hasKey) entry.repeat = () => chat.post(text, key)
  book.posts.push(entry)
  const attempts = hasKey ? patience.attempts : 1
  return async () => acknowledge(book, entry, await answerTo(book, () => chat.post(text, key, { attempts })))
}

/** Posts something once: sometimes in two simultaneous requests, or without a key if it can get lost. */
export async function post(scene: Scene, user: string, label: string, body: string): Promise<void> {
  const { random, end } = scene
  const { givesUp } = scene.patience
  const hasKey = givesUp === 0 || random.chance(0.9)
  const send = preparePost(scene, user, label, body, { hasKey })
  const insistOnIt = () =>
    insist(end, send, () => !hasKey || random.chance(givesUp)).catch((error) => note(scene, label, error))
  await Promise.all(Array.from({ length: hasKey && random.chance(0.1) ? 2 : 1 }, insistOnIt))
}

function withoutKey(own: typeof fetch): typeof fetch {
  return (input, init) => {
    const headers = new Headers(init?.headers)
    headers.delete('idempotency-key')
    return own(input, { ...init, headers })
  }
}

async function answerTo({ counts, trouble }: ChatBook, send: () => Promise<Message>): Promise<Message> {
  const began = performance.now()
  try {
    return await send()
  } catch (error) {
    if (error instanceof TypeError) counts.lost++
    if (error instanceof SillyChatError && isProblem(error, 'store-unreachable')) {
      counts.refused++
      if (!error.retryAfterMs) trouble.push('a post was refused without Retry-After')
    }
    throw error
  } finally {
    counts.slowestMs = Math.max(counts.slowestMs, performance.now() - began)
  }
}

function acknowledge(book: ChatBook, post: PostBook, { id, text }: Message): void {
  if (post.id !== undefined && post.id !== id) book.trouble.push(`${post.label} was posted as ${post.id} and as ${id}`)
  if (digestOf(text) !== post.digest) book.trouble.push(`${post.label} was answered with another text`)
  post.id = id
  post.repeat = undefined
  book.newest = Math.max(book.newest, id)
  book.counts.acknowledged++
}

/** Posts at random times until the calm. */
export async function poster(scene: Scene, name: string, user: string, maxPauseMs = 40): Promise<void> {
  const random = scene.random.fork()
  for (let count = 1; !scene.calm.aborted; count++) {
    await linger(random.int(0, maxPauseMs), scene.calm)
    await post(scene, user, `${name}-${count}`, someBody(random))
  }
}

/** Sends bursts of long messages, so that slow readers fall behind. */
export async function bursts(scene: Scene, everyMs: number): Promise<void> {
  const long = '漢'.repeat(MAX_TEXT - 40)
  const lanes: Promise<void>[] = []
  for (let burst = 1; !scene.calm.aborted; burst++) {
    for (let lane = 1; lane <= BURST.lanes; lane++) lanes.push(flood(`burst-${burst}-${lane}`))
    await linger(everyMs, scene.calm)
  }
  await Promise.all(lanes)

  async function flood(name: string): Promise<void> {
    for (let count = 1; count <= BURST.posts && !scene.calm.aborted; count++) {
      await post(scene, scene.book.owner.userId, `${name}-${count}`, long)
    }
  }
}

function someBody(random: Random): string {
  const part = random.pick('hello ', 'två\n\n', 'id: 7\ndata: x\r\n', '👋🏽\u2028', '"\\\u0000\t')
  const body = part.repeat(random.magnitude(random.chance(0.05) ? 600 : 60))
  return body.slice(0, MAX_TEXT - 40).toWellFormed()
}

export interface Manner {
  readonly after?: number | undefined
  /** How long it pauses after an event, until the calm. */
  readonly pauseMs?: (random: Random) => number
  readonly onEvent?: (event: ChatEvent) => void
  /** The server of its first connection. */
  readonly firstAt?: string | undefined
}

/** Follows the chat to the end, over any number of connections. */
export async function reader(
  scene: Scene,
  book: ReaderBook,
  user: string,
  { after, pauseMs, onEvent, firstAt }: Manner = {}
): Promise<void> {
  const random = scene.random.fork()
  const place = () => (book.connections === 0 && firstAt !== undefined ? firstAt : scene.place())
  const from = after === undefined ? {} : { after }
  const silenceMs = pauseMs === undefined ? SILENCE_MS : PATIENT_MS
  scene.book.readers.push(book)
  try {
    for await (const event of viewOf(scene, user, book, place).events({ ...from, silenceMs })) {
      receive(scene.book, book, event)
      onEvent?.(event)
      const thinkMs = scene.calm.aborted ? 0 : (pauseMs?.(random) ?? 0)
      if (thinkMs > 0) await linger(thinkMs, scene.calm)
    }
    scene.book.trouble.push(`${book.name}: the stream has ended`)
  } catch (error) {
    // A broken network must not end a stream that resumes.
    if (!scene.end.aborted) scene.book.trouble.push(`${book.name}: ${error}`)
  }
}

/** Reads by long polling. */
export async function poller(scene: Scene, book: ReaderBook, user: string): Promise<void> {
  const chat = viewOf(scene, user)
  const random = scene.random.fork()
  let after = 0
  scene.book.readers.push(book)
  try {
    while (!scene.end.aborted) {
      const page = { after, wait: random.int(1, 3), limit: random.int(1, 200) }
      const { messages, last_event_id } = await insist(scene.end, () => chat.read(page))
      for (const data of messages) receive(scene.book, book, { event: 'message', id: data.id, data })
      after = last_event_id
    }
  } catch (error) {
    if (!scene.end.aborted) scene.book.trouble.push(`${book.name}: ${error}`)
  }
}

/** Readers that start in the middle, after a known message or with new events. */
export async function latecomers(scene: Scene, count: number, withinMs: number): Promise<void> {
  const random = scene.random.fork()
  const readers: Promise<void>[] = []
  for (let number = 1; number <= count; number++) {
    await linger(random.int(0, (2 * withinMs) / count), scene.calm)
    const known = scene.book.posts.map(({ id }) => id).filter((id) => id !== undefined)
    const after = random.chance(0.3) ? undefined : known[random.int(0, known.length - 1)]
    readers.push(reader(scene, newReader(`latecomer-${number}`, after), random.pick(...scene.members), { after }))
  }
  await Promise.all(readers)
}
