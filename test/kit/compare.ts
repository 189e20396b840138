/** Compares the records of a chat's actors with its log. */
import { Chat, type ChatEvent, type JoinRequest } from '../../dist/client/index.js'
import {
  type ChatBook,
  DISCONNECT_MS,
  digestOf,
  type Entry,
  entryOf,
  type GuestBook,
  isUnseen,
  type PostBook,
  type ReaderBook
} from './book.ts'
import { insist, isProblem } from './scene.ts'

export const KINDS = ['lost', 'doubled', 'out of order', 'not notified', 'other'] as const

export interface Difference {
  readonly kind: (typeof KINDS)[number]
  readonly text: string
}

interface Log {
  readonly entries: readonly Entry[]
  /** The same as members other than the owner see it. */
  readonly forMembers: readonly Entry[]
  /** The last state of each join request, by its id. */
  readonly requests: ReadonlyMap<string, JoinRequest>
  /** The ids of requests that were ever approved. */
  readonly approved: ReadonlySet<string>
  /** The ids of each text's messages, by its digest. */
  readonly texts: ReadonlyMap<string, readonly number[]>
}

/** Compares one chat's book with its log, as each of these servers returns it. */
export async function compare(book: ChatBook, urls: readonly string[], signal: AbortSignal): Promise<Difference[]> {
  const at = ({ url, userId }: Chat, base: string) => new Chat(base + new URL(url).pathname, userId, { signal })
  const views = urls.map((url) => at(book.owner, url))
  const [view = book.owner] = views
  const here = new URL(view.url).origin
  const log = await readLog(view)
  const found: Difference[] = [
    ...book.trouble.map(other),
    ...(await Promise.all(views.map((one) => comparePages(one, log)))).flat(),
    ...compareIds(book, log),
    ...book.posts.flatMap((post) => comparePost(post, log)),
    ...compareTexts(book, log),
    ...book.readers.flatMap((reader) => compareReader(reader, log)),
    ...compareRequests(book, log),
    ...(await compareLists(view, book, log)),
    ...(await Promise.all(book.guests.map((guest) => compareAccess(guest, (chat) => at(chat, here))))).flat(),
    ...(await Promise.all(book.others.map(({ chat, statuses }) => compareOther(at(chat, here), statuses)))).flat(),
    ...(await repeatPosts(view, book, log))
  ]
  return found.map(({ kind, text }) => ({ kind, text: `${book.name}: ${text}` }))
}

async function readLog(view: Chat): Promise<Log> {
  const entries: Entry[] = []
  const forMembers: Entry[] = []
  const inside = new Set<string>()
  const requests = new Map<string, JoinRequest>()
  const approved = new Set<string>()
  const texts = new Map<string, number[]>()
  for await (const event of view.events({ after: 0 })) {
    if (event.event === 'ready') break
    entries.push(entryOf(event))
    const seen = asMembersSee(event, inside)
    if (seen !== undefined) forMembers.push(entryOf(seen))
    if (event.event === 'message') {
      const digest = digestOf(event.data.text)
      texts.set(digest, [...(texts.get(digest) ?? []), event.id])
    }
    if (isJoin(event)) requests.set(event.data.request_id, event.data)
    if (event.event === 'join_approved') approved.add(event.data.request_id)
  }
  return { entries, forMembers, requests, approved, texts }
}

/** An event of the owner's stream as other members get it; `inside` has those who are in the chat. */
function asMembersSee(event: ChatEvent, inside: Set<string>): ChatEvent | undefined {
  if (!isJoin(event)) return event
  const { request_id: from, name, state } = event.data
  const { id = 0 } = event
  if (state === 'approved') {
    inside.add(from)
    return { event: 'member_joined', id, data: { from, name, reason: null } }
  }
  if (!inside.delete(from)) return undefined
  return { event: 'member_left', id, data: { from, name, reason: state === 'declined' ? 'removed' : 'left' } }
}

function isJoin(event: ChatEvent): event is Extract<ChatEvent, { data: { request_id: string } }> {
  return event.event.startsWith('join_')
}

/** The log as the stream replays it and as it is read must be the same. */
async function comparePages(view: Chat, log: Log): Promise<Difference[]> {
  const { messages, last_event_id } = await insist(AbortSignal.timeout(10_000), () => view.read())
  const read = messages.map((data) => entryOf({ event: 'message', id: data.id, data }))
  const replayed = log.entries.filter(({ event }) => event === 'message')
  const isSame = JSON.stringify(read) === JSON.stringify(replayed) && last_event_id === log.entries.at(-1)?.id
  return isSame ? [] : [other(`reading at ${new URL(view.url).origin} and replaying the log give different messages`)]
}

function compareIds({ mayJump }: ChatBook, { entries }: Log): Difference[] {
  // Ids can jump ahead if the store was started again, but never back.
  const isNext = (id: number, before: number): boolean => (mayJump ? id > before : id === before + 1)
  const isCounted = entries.every(({ id = 0 }, index) => isNext(id, entries[index - 1]?.id ?? 0))
  return isCounted ? [] : [other('the ids of the log are not one after the other')]
}

function comparePost({ label, digest, id, after }: PostBook, { texts }: Log): Difference[] {
  const ids = texts.get(digest) ?? []
  const [logged] = ids
  if (ids.length > 1) return [{ kind: 'doubled', text: `post ${label} is in the log as ${ids.join(' and ')}` }]
  if (logged === undefined) {
    return id === undefined ? [] : [{ kind: 'lost', text: `post ${label}, acknowledged as ${id}, is not in the log` }]
  }
  if (id !== undefined && logged !== id)
    return [other(`post ${label}, acknowledged as ${id}, is in the log as ${logged}`)]
  if (logged > after) return []
  return [
    { kind: 'out of order', text: `post ${label} is in the log as ${logged} and was sent after ${after} was known` }
  ]
}

function compareTexts({ posts }: ChatBook, { texts }: Log): Difference[] {
  const sent = new Set(posts.map(({ digest }) => digest))
  return [...texts]
    .filter(([digest]) => !sent.has(digest))
    .map(([, ids]) => other(`event ${ids.join(', ')} has a text that nobody sent`))
}

/** A reader must have received everything that the log has for it since its start: once, in order, unchanged. */
function compareReader({ name, sees, received, start }: ReaderBook, log: Log): Difference[] {
  if (start === undefined) return [{ kind: 'lost', text: `${name} never got a ready event` }]
  const all = sees === 'everything' ? log.entries : log.forMembers
  const wanted = all.filter(({ id = 0, event }) => id > start && (sees !== 'messages' || event === 'message'))
  const byId = new Map(wanted.map((entry) => [entry.id, entry]))
  const seen = new Set<number | undefined>()
  const found: Finding[] = []
  let highest = start
  for (const entry of received) {
    const { event, id = -1 } = entry
    if (event !== 'ready') {
      found.push(...compareEntry(entry, byId.get(id), highest, seen))
      seen.add(id)
    } else {
      // `ready` means that everything older was sent.
      const skipped = wanted.find((one) => (one.id ?? 0) <= id && !seen.has(one.id))
      if (skipped !== undefined) found.push(['other', `got ready ${id} before ${skipped.id}`])
      if (id < highest) found.push(['out of order', `got ready ${id} after ${highest}`])
    }
    highest = Math.max(highest, id)
  }
  for (const { id, event } of wanted) if (!seen.has(id)) found.push(['lost', `never got ${event} ${id}`])
  return found.map(([kind, text]) => ({ kind, text: `${name} ${text}` }))
}

type Finding = [kind: Difference['kind'], text: string]

function compareEntry(
  { event, id, digest }: Entry,
  logged: Entry | undefined,
  highest: number,
  seen: ReadonlySet<number | undefined>
): Finding[] {
  if (seen.has(id)) return [['doubled', `got ${event} ${id} again`]]
  if (logged?.event !== event) return [['other', `got ${event} ${id}, which is not for it`]]
  if ((id ?? 0) <= highest) return [['out of order', `got ${event} ${id} after ${highest}`]]
  return logged.digest === digest ? [] : [['other', `got ${event} ${id} with other data than the log has`]]
}

function compareRequests(book: ChatBook, { requests, approved: logged }: Log): Difference[] {
  const named = [...requests.values()].filter(({ name }) => name !== null)
  const byName = new Map(named.map((request) => [request.name, request]))
  const forgotten = [...book.approved.keys()].filter((id) => !logged.has(id))
  return [
    ...(byName.size === named.length ? [] : [{ kind: 'doubled', text: 'a knock is in the log twice' } as const]),
    ...forgotten.map((id): Difference => ({ kind: 'lost', text: `the approval of ${id} is not in the log` })),
    ...book.guests.flatMap((guest) => compareGuest(guest, byName.get(guest.name), isUnseen(book, guest)))
  ]
}

function compareGuest(
  { name, requestId, chat, ending, goneAt }: GuestBook,
  request: JoinRequest | undefined,
  isUnseen: boolean
): Difference[] {
  if (request === undefined) {
    return requestId === undefined ? [] : [{ kind: 'lost', text: `the knock of ${name} is not in the log` }]
  }
  const { state } = request
  if (chat !== undefined) {
    const states: string[] = ending?.isSure ? [] : ['approved']
    if (ending !== undefined) states.push(ending.state)
    return states.includes(state) ? [] : [other(`${name} was let in, should be ${states.join(' or ')} and is ${state}`)]
  }
  if (requestId !== undefined && state === 'approved') {
    return [{ kind: 'not notified', text: `${name} was approved and not notified` }]
  }
  if (goneAt === undefined || isUnseen || wasDecidedBefore(request, goneAt + DISCONNECT_MS)) return []
  return [{ kind: 'not notified', text: `${name} disconnected and is ${state} without a join_closed` }]
}

function wasDecidedBefore({ state, decided_at }: JoinRequest, instant: number): boolean {
  return state === 'closed' || (decided_at !== null && Date.parse(decided_at) <= instant)
}

/** The lists of requests and links must agree with the log, and with what was acknowledged. */
async function compareLists(view: Chat, { links }: ChatBook, { requests }: Log): Promise<Difference[]> {
  const listed = new Map((await view.joinRequests()).join_requests.map(({ request_id, state }) => [request_id, state]))
  const states = new Map((await view.links()).links.map(({ link, state }) => [new URL(link).pathname, state]))
  const wrong = [...requests.values()].filter(
    ({ request_id, state }) => (state === 'pending' || state === 'approved') && listed.get(request_id) !== state
  )
  return [
    ...wrong.map(({ name, state, request_id }) => other(`${name} is ${state} and listed as ${listed.get(request_id)}`)),
    ...links.flatMap(({ url, states: allowed }) => {
      const state = states.get(new URL(url).pathname)
      return allowed.some((one) => one === state)
        ? []
        : [other(`a link should be ${allowed.join(' or ')} and is ${state}`)]
    })
  ]
}

/** A guest who has left or was removed must not read or post. */
async function compareAccess({ name, chat, ending }: GuestBook, at: (chat: Chat) => Chat): Promise<Difference[]> {
  if (chat === undefined || !ending?.isSure) return []
  const view = at(chat)
  const outcomes = await Promise.allSettled([view.read(), view.post('in again')])
  const isOut = outcomes.every((one) => one.status === 'rejected' && isProblem(one.reason, 'not-a-member'))
  return isOut ? [] : [other(`${name} is ${ending.state} and can still read or post`)]
}

async function compareOther(view: Chat, statuses: readonly number[]): Promise<Difference[]> {
  const status = await view.read().then(
    () => 200,
    (error) => (isProblem(error, 'chat-not-found') ? 404 : `${error}`)
  )
  return statuses.some((one) => one === status) ? [] : [other(`another chat is ${status} instead of ${statuses}`)]
}

/** Unacknowledged posts, sent again with their keys, must be in the log once, at the same id as before. */
async function repeatPosts(view: Chat, { posts }: ChatBook, { texts }: Log): Promise<Difference[]> {
  const unanswered = posts.filter(({ repeat }) => repeat !== undefined)
  const found = await Promise.all(
    unanswered.map(async ({ label, digest, repeat }): Promise<Difference[]> => {
      const [before] = texts.get(digest) ?? []
      try {
        const message = await repeat?.()
        if (before === undefined || message?.id === before) return []
        return [{ kind: 'doubled', text: `post ${label} was ${before} and, sent again, is ${message?.id}` }]
      } catch (error) {
        return isProblem(error, 'not-a-member') ? [] : [other(`post ${label}, sent again: ${error}`)]
      }
    })
  )
  const { texts: now } = await readLog(view)
  const doubled = unanswered.filter(({ digest }) => (now.get(digest)?.length ?? 0) > 1)
  return [
    ...found.flat(),
    ...doubled.map(({ label }): Difference => ({ kind: 'doubled', text: `post ${label}, sent again` }))
  ]
}

function other(text: string): Difference {
  return { kind: 'other', text }
}
