/** What the actors wrote down against what the log holds. */
import { Chat, type ChatEvent, type JoinRequests } from '../../dist/client/index.js'
import {
  type ChatBook,
  digestOf,
  type Entry,
  entryOf,
  type GuestBook,
  HANG_UP_MS,
  isUnseen,
  type ReaderBook
} from './book.ts'

export const KINDS = ['lost', 'doubled', 'out of order', 'untold', 'other'] as const

export interface Difference {
  readonly kind: (typeof KINDS)[number]
  readonly text: string
}

type JoinRequest = JoinRequests['join_requests'][number]

interface Log {
  readonly entries: readonly Entry[]
  /** The last state of each join request, by its id. */
  readonly requests: ReadonlyMap<string, JoinRequest>
  /** The requests that were approved at some time. */
  readonly approved: ReadonlySet<string>
  /** The ids of each text's messages, by its digest. */
  readonly texts: ReadonlyMap<string, readonly number[]>
}

/** Compares one chat's book with its log, read from the server itself. */
export async function compare(book: ChatBook, serverUrl: string, signal: AbortSignal): Promise<Difference[]> {
  const direct = new Chat(serverUrl + new URL(book.owner.url).pathname, book.owner.userId, { signal })
  const log = await readLog(direct)
  const found: Difference[] = [
    ...book.trouble.map((text): Difference => ({ kind: 'other', text })),
    ...(await comparePages(direct, book, log)),
    ...book.posts.flatMap((post) => comparePost(post, log)),
    ...compareTexts(book, log),
    ...book.readers.flatMap((reader) => compareReader(reader, log)),
    ...compareDoor(book, log)
  ]
  return found.map(({ kind, text }) => ({ kind, text: `${book.name}: ${text}` }))
}

async function readLog(direct: Chat): Promise<Log> {
  const entries: Entry[] = []
  const requests = new Map<string, JoinRequest>()
  const approved = new Set<string>()
  const texts = new Map<string, number[]>()
  for await (const event of direct.events({ after: 0 })) {
    if (event.event === 'ready') break
    entries.push(entryOf(event))
    if (event.event === 'message') {
      const digest = digestOf(event.data.text)
      texts.set(digest, [...(texts.get(digest) ?? []), event.id])
    }
    if (isJoin(event)) requests.set(event.data.request_id, event.data)
    if (event.event === 'join_approved') approved.add(event.data.request_id)
  }
  return { entries, requests, approved, texts }
}

function isJoin(event: ChatEvent): event is Extract<ChatEvent, { data: { request_id: string } }> {
  return event.event.startsWith('join_')
}

/** The log as the stream replays it and as it is read must be the same. */
async function comparePages(direct: Chat, book: ChatBook, log: Log): Promise<Difference[]> {
  const { messages, last_event_id } = await direct.read()
  const read = messages.map((data) => entryOf({ event: 'message', id: data.id, data }))
  const replayed = log.entries.filter(({ event }) => event === 'message')
  const isSame = JSON.stringify(read) === JSON.stringify(replayed) && last_event_id === log.entries.at(-1)?.id
  // Where a store that was started again may have lost something, ids jump ahead, but never back.
  const isNext = (id: number, before: number): boolean => (book.mayJump ? id > before : id === before + 1)
  const isCounted = log.entries.every(({ id = 0 }, index) => isNext(id, log.entries[index - 1]?.id ?? 0))
  return [
    ...(isSame ? [] : [other('reading and replaying the log give different messages')]),
    ...(isCounted ? [] : [other('the ids of the log are not one after the other')])
  ]
}

function comparePost({ label, digest, id }: ChatBook['posts'][number], { texts }: Log): Difference[] {
  const ids = texts.get(digest) ?? []
  if (ids.length > 1) return [{ kind: 'doubled', text: `post ${label} is in the log as ${ids.join(' and ')}` }]
  if (id === undefined || ids[0] === id) return []
  if (ids.length === 0) return [{ kind: 'lost', text: `post ${label} was acknowledged as ${id} and is not in the log` }]
  return [other(`post ${label} was acknowledged as ${id} and is in the log as ${ids[0]}`)]
}

function compareTexts({ posts }: ChatBook, { texts }: Log): Difference[] {
  const sent = new Set(posts.map(({ digest }) => digest))
  return [...texts]
    .filter(([digest]) => !sent.has(digest))
    .map(([, ids]) => other(`event ${ids.join(', ')} has a text that nobody sent`))
}

/** What a reader received must be what the log has for it from its start on: each once, in order, as it is. */
function compareReader(reader: ReaderBook, log: Log): Difference[] {
  const { name, isOwner, received } = reader
  const start = reader.start ?? Number.POSITIVE_INFINITY
  const wanted = log.entries.filter(({ id, event }) => (id ?? 0) > start && (isOwner || event === 'message'))
  const byId = new Map(wanted.map((entry) => [entry.id, entry]))
  const seen = new Set<number>()
  const found: Difference[] = []
  if (reader.start === undefined) found.push({ kind: 'lost', text: `${name} was never told where it begins` })
  let highest = start
  for (const entry of received) {
    const difference = compareEntry(entry, byId.get(entry.id), highest, seen)
    if (difference !== undefined) found.push({ ...difference, text: `${name} ${difference.text}` })
    if (entry.id === undefined) continue
    if (entry.event !== 'ready') seen.add(entry.id)
    highest = Math.max(highest, entry.id)
  }
  for (const { id, event } of wanted) {
    if (id !== undefined && !seen.has(id)) found.push({ kind: 'lost', text: `${name} never got ${event} ${id}` })
  }
  return [...found, ...compareReady(reader, wanted)]
}

function compareEntry(
  { event, id, digest }: Entry,
  wanted: Entry | undefined,
  highest: number,
  seen: ReadonlySet<number>
): Difference | undefined {
  if (id === undefined) return other(`got ${event} without an id`)
  if (event === 'ready') {
    return id < highest ? { kind: 'out of order', text: `got ready ${id} after ${highest}` } : undefined
  }
  if (seen.has(id)) return { kind: 'doubled', text: `got ${event} ${id} again` }
  if (id <= highest && wanted !== undefined)
    return { kind: 'out of order', text: `got ${event} ${id} after ${highest}` }
  if (wanted?.event !== event) return other(`got ${event} ${id}, which is not for it`)
  return wanted.digest === digest ? undefined : other(`got ${event} ${id} with other data than the log has`)
}

/** `ready` says that everything older has been sent. */
function compareReady({ name, received }: ReaderBook, wanted: readonly Entry[]): Difference[] {
  const seen = new Set<number | undefined>()
  let next = 0
  for (const { event, id = 0 } of received) {
    if (event !== 'ready') {
      seen.add(id)
      continue
    }
    for (; next < wanted.length && (wanted[next]?.id ?? 0) <= id; next++) {
      if (!seen.has(wanted[next]?.id)) return [other(`${name} was told ready ${id} before it got ${wanted[next]?.id}`)]
    }
  }
  return []
}

function compareDoor(book: ChatBook, { requests, approved: logged }: Log): Difference[] {
  const byName = new Map([...requests.values()].map((request) => [request.name, request]))
  const forgotten = [...book.approved].filter((id) => !logged.has(id))
  return [
    ...forgotten.map((id): Difference => ({ kind: 'lost', text: `the approval of ${id} is not in the log` })),
    ...book.guests.flatMap((guest) => compareGuest(guest, byName.get(guest.name), isUnseen(book, guest)))
  ]
}

function compareGuest(
  { name, requestId, isIn, goneAt }: GuestBook,
  request: JoinRequest | undefined,
  isUnseen: boolean
): Difference[] {
  if (request === undefined) {
    return requestId === undefined ? [] : [{ kind: 'lost', text: `the knock of ${name} is not in the log` }]
  }
  const { state, decided_at } = request
  if (isIn && state !== 'approved') return [other(`${name} was told to be in and is ${state}`)]
  if (requestId !== undefined && state === 'approved' && !isIn) {
    return [{ kind: 'untold', text: `${name} was approved and not told` }]
  }
  if (goneAt === undefined || state === 'closed' || isUnseen) return []
  const decidedMs = decided_at === null ? Number.POSITIVE_INFINITY : Date.parse(decided_at)
  if (decidedMs <= goneAt + HANG_UP_MS) return []
  return [{ kind: 'untold', text: `${name} hung up and is ${state} without a join_closed` }]
}

function other(text: string): Difference {
  return { kind: 'other', text }
}
