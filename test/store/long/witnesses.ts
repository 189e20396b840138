/** People in one chat of a server that is killed again and again. They write down what they were answered and told. */
import { Chat, type ChatEvent } from '../../../src/client/index.ts'
import { hastyFetch } from '../../soak/network.ts'
import type { Random } from '../../soak/random.ts'
import { type Guest, knock } from '../../support/api.ts'
import type { BuiltServer } from '../../support/built-server.ts'

export interface Said {
  readonly user: string
  readonly text: string
  readonly key: string | undefined
  /** As it was acknowledged; none: no answer came. */
  id?: number
}

export interface Visit {
  readonly link: string
  readonly name: string
  /** Once the knock was answered. */
  guest?: Guest
  /** Whichever it may be: two, once an answer did not come. */
  states: string[]
  /** That this guest can do nothing any more was acknowledged. */
  isOut: boolean
}

export interface Link {
  readonly url: string
  /** Whichever it may be. */
  states: string[]
}

export class ChatBook {
  readonly url: string
  readonly owner: string
  /** By who said it, in order. */
  readonly said = new Map<string, Said[]>()
  readonly visits: Visit[] = []
  readonly links: Link[] = []
  /** What each reader was told. */
  readonly told = new Map<string, ChatEvent[]>()
  /** What should not have happened. */
  readonly trouble: string[] = []

  constructor(url: string, owner: string) {
    this.url = url
    this.owner = owner
  }
}

export interface Scene {
  readonly server: BuiltServer
  readonly book: ChatBook
  readonly random: Random
  readonly end: AbortSignal
}

/** Who gives up does not know what has become of it. */
const GIVES_UP = 0.3
/** Fewer join events than a log keeps. */
const MAX_VISITS = 300
const MAX_LINKS = 60

/** The answer, or undefined if none came. */
export async function attempt(
  url: string,
  user: string | undefined,
  { method = 'GET', json, key }: { method?: string; json?: unknown; key?: string | undefined } = {}
): Promise<{ status: number; text: string } | undefined> {
  const headers = {
    ...(user !== undefined && { authorization: `Bearer ${user}` }),
    ...(json !== undefined && { 'content-type': 'application/json' }),
    ...(key !== undefined && { 'idempotency-key': key })
  }
  const body = json === undefined ? null : JSON.stringify(json)
  try {
    const answer = await fetch(url, { method: json === undefined ? method : 'POST', headers, body })
    return { status: answer.status, text: await answer.text() }
  } catch {
    return undefined
  }
}

/** Asks until it is answered, or gives up by chance. */
async function ask({ server, random, end }: Scene, ...call: Parameters<typeof attempt>) {
  for (;;) {
    const answer = await attempt(...call)
    if (answer !== undefined || random.chance(GIVES_UP)) return answer
    await server.whenUp()
    if (end.aborted) return undefined
  }
}

/** Says things, one after the other, each once. */
export async function poster(scene: Scene, name: string, user: string): Promise<void> {
  const said: Said[] = []
  scene.book.said.set(name, said)
  for (let count = 1; !scene.end.aborted; count++) {
    const key = scene.random.chance(0.8) ? `${name}-${count}` : undefined
    const one: Said = { user, text: `${name}-${count} ${'x'.repeat(scene.random.magnitude(2000))}`, key }
    said.push(one)
    const times = key !== undefined && scene.random.chance(0.1) ? 2 : 1
    await Promise.all(Array.from({ length: times }, () => sayOnce(scene, one)))
  }
}

async function sayOnce(scene: Scene, said: Said): Promise<void> {
  const { url, trouble } = scene.book
  // Without a key it cannot be sent again.
  const send = said.key === undefined ? attempt : ask.bind(undefined, scene)
  const answer = await send(url, said.user, { json: { text: said.text }, key: said.key })
  if (answer === undefined) return
  if (answer.status !== 201) {
    trouble.push(`${said.text.slice(0, 20)} was answered with ${answer.status}`)
    return
  }
  const { id, text } = JSON.parse(answer.text)
  if (text !== said.text || (said.id !== undefined && said.id !== id)) trouble.push(`${id} is not ${said.id}`)
  said.id = id
}

/** Guests who knock, are let in, say something and are removed again, or leave, or stay. */
export async function visitors(scene: Scene, name: string): Promise<void> {
  for (let count = 1; !scene.end.aborted && scene.book.visits.length < MAX_VISITS; count++) {
    const link = scene.random.pick('', ...openLinks(scene.book))
    if (link !== '') await visit(scene, { link, name: `${name}-${count}`, states: ['pending'], isOut: false })
    else await makeLink(scene)
  }
}

function openLinks({ links }: ChatBook): string[] {
  return links.filter(({ states }) => states.every((state) => state === 'open')).map(({ url }) => url)
}

async function visit(scene: Scene, visiting: Visit): Promise<void> {
  const { book, random } = scene
  const { link } = visiting
  book.visits.push(visiting)
  try {
    visiting.guest = await knock(link, visiting.name)
  } catch (error) {
    // Who was not told the client_id cannot come back. A link may have been revoked in this moment.
    if (error instanceof TypeError) await scene.server.whenUp()
    return
  }
  await change(scene, visiting, 'approved')
  if (visiting.states.includes('pending')) return
  const chats = book.said.get(visiting.name) ?? []
  book.said.set(visiting.name, chats)
  const say = async (what: string): Promise<void> => {
    const said: Said = { user: visiting.guest?.client ?? '', text: `${visiting.name} ${what}`, key: what }
    chats.push(said)
    await sayOnce(scene, said)
  }
  await say('is in')
  const ending = random.pick('approved', 'declined', 'closed')
  if (ending === 'approved') return
  await change(scene, visiting, ending)
  visiting.isOut = visiting.states.length === 1
}

/** The owner decides, or the guest leaves. */
async function change(scene: Scene, visiting: Visit, state: string): Promise<void> {
  const { book } = scene
  const { link, guest, states } = visiting
  const json = { link, request_id: guest?.requestId, approval_status: state === 'approved' }
  const answer =
    state === 'closed'
      ? await ask(scene, `${link}/request`, guest?.client, { method: 'DELETE' })
      : await ask(scene, new URL('/v1/approval', link).href, book.owner, { json })
  if (answer === undefined) visiting.states = [...states, state]
  else if (answer.status === 200 || answer.status === 204) visiting.states = [state]
  // A link that was revoked meanwhile has closed what was pending.
  else if (answer.status === 409) visiting.states = ['closed']
  else book.trouble.push(`${visiting.name} could not be ${state}: ${answer.status} ${answer.text}`)
}

export async function makeLink(scene: Scene): Promise<void> {
  const { book, random } = scene
  if (book.links.length >= MAX_LINKS) return
  const made = await ask(scene, new URL('/v1/links', book.url).href, book.owner, { json: { chat: book.url } })
  if (made === undefined) return
  if (made.status !== 201) book.trouble.push(`a link could not be made: ${made.status} ${made.text}`)
  const link: Link = { url: JSON.parse(made.text).link, states: ['open'] }
  book.links.push(link)
  if (!random.chance(0.3)) return
  link.states = ['open', 'revoked']
  const answer = await ask(scene, link.url, book.owner, { method: 'DELETE' })
  if (answer?.status === 204) link.states = ['revoked']
}

/** Follows the chat from its beginning up to the message with this text, over as many connections as it takes. */
export async function follower({ book }: Scene, name: string, user: string, last: string): Promise<void> {
  const told: ChatEvent[] = []
  book.told.set(name, told)
  const chat = new Chat(book.url, user, { fetch: hastyFetch(() => undefined) })
  for await (const event of chat.events({ after: 0 })) {
    if (event.event === 'ready') continue
    told.push(event)
    if (event.event === 'message' && event.data.text === last) return
  }
}
