/** Those who post and those who read. */
import type { Chat, ChatEvent, Message } from '../../dist/client/index.js'
import { digestOf, entryOf, newReader, type PostBook, type ReaderBook, receive } from './book.ts'
import type { Random } from './random.ts'
import { insist, linger, note, type Scene, viewOf } from './scene.ts'

/** Less than a stall may take, so that silent connections are given up now and then. */
const SILENCE_MS = 2000
const PATIENT_MS = 60_000
const MAX_TEXT = 4000
/** More than the buffers of the operating system hold, so that a reader which takes nothing is seen to fall behind. */
const BURST = { lanes: 100, posts: 10 }

/** Says something once, in two requests at the same moment now and then. */
export async function say(scene: Scene, chat: Chat, label: string, body: string): Promise<void> {
  const text = `${label} ${body}`
  const post: PostBook = { label, digest: digestOf(text) }
  scene.book.posts.push(post)
  const key = `key of ${label}`
  const times = scene.random.chance(0.1) ? 2 : 1
  const answers = await Promise.allSettled(Array.from({ length: times }, () => chat.post(text, key)))
  for (const answer of answers) {
    if (answer.status === 'rejected') note(scene, label, answer.reason)
    else acknowledge(scene, post, answer.value)
  }
}

function acknowledge({ book }: Scene, post: PostBook, { id, text }: Message): void {
  if (post.id !== undefined && post.id !== id) book.trouble.push(`${post.label} was posted as ${post.id} and as ${id}`)
  if (digestOf(text) !== post.digest) book.trouble.push(`${post.label} was answered with another text`)
  post.id = id
}

/** Posts at random until the calm. */
export async function poster(scene: Scene, name: string, user: string): Promise<void> {
  const random = scene.random.fork()
  const chat = viewOf(scene, user)
  for (let count = 1; !scene.calm.aborted; count++) {
    await linger(random.int(0, 40), scene.calm)
    await say(scene, chat, `${name}-${count}`, someBody(random))
  }
}

/** A flood of long messages now and then: slow readers fall behind. */
export async function bursts(scene: Scene, everyMs: number): Promise<void> {
  const chat = viewOf(scene, scene.book.owner.userId)
  const long = '漢'.repeat(MAX_TEXT - 40)
  const lanes: Promise<void>[] = []
  for (let burst = 1; !scene.calm.aborted; burst++) {
    for (let lane = 1; lane <= BURST.lanes; lane++) lanes.push(flood(`burst-${burst}-${lane}`))
    await linger(everyMs, scene.calm)
  }
  await Promise.all(lanes)

  async function flood(name: string): Promise<void> {
    for (let count = 1; count <= BURST.posts && !scene.calm.aborted; count++) {
      await say(scene, chat, `${name}-${count}`, long)
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
  /** How long it thinks about an event, until the calm. */
  readonly pauseMs?: (random: Random) => number
  readonly onEvent?: (event: ChatEvent) => void
}

/** Follows the chat to the end, over as many connections as it takes. */
export async function reader(
  scene: Scene,
  book: ReaderBook,
  user: string,
  { after, pauseMs, onEvent }: Manner
): Promise<void> {
  const random = scene.random.fork()
  const from = after === undefined ? {} : { after }
  const silenceMs = pauseMs === undefined ? SILENCE_MS : PATIENT_MS
  scene.book.readers.push(book)
  try {
    for await (const event of viewOf(scene, user, book).events({ ...from, silenceMs })) {
      receive(book, entryOf(event))
      onEvent?.(event)
      const thinkMs = scene.calm.aborted ? 0 : (pauseMs?.(random) ?? 0)
      if (thinkMs > 0) await linger(thinkMs, scene.calm)
    }
    scene.book.trouble.push(`${book.name}: the stream has ended`)
  } catch (error) {
    // Even a broken network must not end a stream that resumes.
    if (!scene.end.aborted) scene.book.trouble.push(`${book.name}: ${error}`)
  }
}

/** Reads without a stream: asks, and waits for an answer. */
export async function poller(scene: Scene, book: ReaderBook, user: string): Promise<void> {
  const chat = viewOf(scene, user)
  const random = scene.random.fork()
  let after = 0
  scene.book.readers.push(book)
  try {
    while (!scene.end.aborted) {
      const page = { after, wait: random.int(1, 3), limit: random.int(1, 200) }
      const { messages, last_event_id } = await insist(scene.end, () => chat.read(page))
      for (const data of messages) receive(book, entryOf({ event: 'message', id: data.id, data }))
      after = last_event_id
    }
  } catch (error) {
    if (!scene.end.aborted) scene.book.trouble.push(`${book.name}: ${error}`)
  }
}

/** Readers that come while others are in the middle of it: behind a message they know of, or with what is new. */
export async function latecomers(scene: Scene, count: number, withinMs: number): Promise<void> {
  const random = scene.random.fork()
  const readers: Promise<void>[] = []
  for (let number = 1; number <= count; number++) {
    await linger(random.int(0, (2 * withinMs) / count), scene.calm)
    const known = scene.book.posts.map(({ id }) => id).filter((id) => id !== undefined)
    const after = random.chance(0.3) ? undefined : known[random.int(0, known.length - 1)]
    const user = random.pick(...scene.members)
    readers.push(reader(scene, newReader(`latecomer-${number}`, after), user, { after }))
  }
  await Promise.all(readers)
}
