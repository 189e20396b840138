/** Guests who knock and leave, and the owner, who approves and removes them and makes and revokes links. */
import {
  Chat,
  type ChatEvent,
  createChat,
  type Exchange,
  Guest,
  knock,
  SillyChatError
} from '../../dist/client/index.js'
import type { GuestBook, LinkBook } from './book.ts'
import { fetchAt } from './fetch.ts'
import { insist, isProblem, isTransient, linger, note, type Scene } from './scene.ts'
import { post } from './talk.ts'

const WAIT_SECONDS = 120
const SILENCE_MS = 2000
const MAX_UNDECIDED = 60
const MAX_LINKS = 60
/** Guests with this name are never approved. */
const IGNORED = 'ignored'

type Arrival = (
  scene: Scene,
  guest: GuestBook,
  link: string,
  fetch: typeof globalThis.fetch
) => Promise<Chat | undefined>

/** Guests who knock at random times until the calm; resolves when all of them are done. */
export async function guests(scene: Scene, everyMs: number): Promise<void> {
  const random = scene.random.fork()
  const arrived = new Set<Promise<void>>()
  for (let count = 1; !scene.calm.aborted; count++) {
    await linger(random.int(0, 2 * everyMs), scene.calm)
    if (arrived.size >= MAX_UNDECIDED || scene.calm.aborted) continue
    const [manner, arrive] = random.pick<[string, Arrival]>(
      ['waits', byStream],
      ['polls', byPolling],
      ['holds', (...call) => byWaiting(call, new AbortController().signal)],
      ['disconnects', (...call) => byWaiting(call, AbortSignal.timeout(random.int(20, 2000)))]
    )
    const kind = random.chance(0.1) ? IGNORED : 'guest'
    const [first, ...others] = scene.book.links.filter(({ states: [state] }) => state === 'open')
    if (first === undefined) continue
    const guest: GuestBook = { name: `${kind}-${count}-${manner}`, cameAt: Date.now(), connections: 0 }
    scene.book.guests.push(guest)
    const visit = enter(scene, guest, random.pick(first, ...others), arrive).finally(() => arrived.delete(visit))
    arrived.add(visit)
  }
  await Promise.all(arrived)
}

async function enter(scene: Scene, guest: GuestBook, link: LinkBook, arrive: Arrival): Promise<void> {
  try {
    const chat = await arrive(scene, guest, link.url, fetchAt(scene.place, guest))
    if (chat === undefined) return
    guest.chat = chat
    if (scene.calm.aborted) return
    const visit = post(scene, chat.userId, guest.name, 'is in').then(() => leaveOrBeRemoved(scene, guest, link))
    scene.busy.add(visit.catch(() => undefined))
    await visit
  } catch (error) {
    const isRevoked = isProblem(error, 'link-revoked') && link.states.includes('revoked')
    if (!isProblem(error, 'too-many-waiting') && !isRevoked && !scene.close.aborted) note(scene, guest.name, error)
  }
}

/** Stays, leaves, or is removed. */
async function leaveOrBeRemoved(scene: Scene, guest: GuestBook, { url }: LinkBook): Promise<void> {
  const { book, end, patience, random } = scene
  const { requestId = '', chat: { userId } = book.owner } = guest
  if (random.chance(0.2)) return
  // An approval that was sent twice can take effect twice, the second time after a removal.
  const state = book.approved.get(requestId) === 'at once' && random.chance(0.7) ? 'declined' : 'closed'
  const leaving = new Guest(url, userId, requestId, { fetch: fetchAt(scene.place), signal: end })
  guest.ending = { state, isSure: false }
  const act = async () => void (await (state === 'closed' ? leaving.leave() : book.owner.decline(url, requestId)))
  await insist(end, act, () => random.chance(patience.givesUp))
  guest.ending.isSure = true
}

/** Knocks, and waits on the stream of the link. */
const byStream: Arrival = async (scene, guest, link, fetch) => {
  const knocked = await knock(link, { name: guest.name, fetch, signal: scene.close })
  guest.requestId = knocked.requestId
  return knocked.waitUntilAdmitted({ silenceMs: SILENCE_MS })
}

/** Knocks, and polls the state. */
const byPolling: Arrival = async (scene, guest, link, fetch) => {
  const knocked = await knock(link, { name: guest.name, fetch, signal: scene.close })
  guest.requestId = knocked.requestId
  const options = { fetch, signal: scene.close }
  while (!scene.close.aborted) {
    const again = new Guest(`${knocked.link}?wait=1`, knocked.clientId, knocked.requestId, options)
    const { chat } = await insist(scene.close, () => again.state())
    if (chat === null) continue
    guest.chat = new Chat(chat, knocked.clientId, options)
    return knocked.waitUntilAdmitted()
  }
  return undefined
}

/** Knocks and waits in one request, as curl does. A guest who disconnects before the answer can never come back. */
async function byWaiting([scene, guest, link, fetch]: Parameters<Arrival>, disconnect: AbortSignal) {
  const started = Date.now()
  try {
    const signal = AbortSignal.any([disconnect, scene.close])
    const answer = await fetch(`${link}?name=${guest.name}&wait=${WAIT_SECONDS}`, { signal })
    if (answer.status === 503) {
      // Nobody knows whether it was recorded.
      guest.goneAt = Date.now()
      return undefined
    }
    if (!answer.ok) throw new SillyChatError(JSON.parse(await answer.text()), undefined)
    const { client_id, request_id }: Exchange = JSON.parse(await answer.text())
    if (client_id === null || request_id === null) throw new Error(`a knock was answered with ${answer.status}`)
    guest.requestId = request_id
    return await new Guest(link, client_id, request_id, { fetch, signal: scene.close }).waitUntilAdmitted({
      silenceMs: SILENCE_MS
    })
  } catch (error) {
    if (!disconnect.aborted && !scene.close.aborted && !isTransient(error)) throw error
    const waited = Date.now() - started
    // An answer that was due can have been on its way.
    if (guest.requestId === undefined && waited < WAIT_SECONDS * 1000) guest.goneAt = Date.now()
    return undefined
  }
}

/** The owner's reaction to events: most guests are approved sooner or later, the others in the calm. */
export function doorkeeper(scene: Scene): { onEvent(event: ChatEvent): void; settle(): Promise<void> } {
  const random = scene.random.fork()
  const atWork = new Set<Promise<void>>()
  async function decide(link: string, requestId: string): Promise<void> {
    await linger(random.chance(0.5) ? 0 : random.int(0, 1000), scene.calm)
    await approve(scene, link, requestId)
  }
  return {
    onEvent(event) {
      if (event.event !== 'join_request' || scene.calm.aborted) return
      const { link, name, request_id } = event.data
      if (name?.startsWith(IGNORED) || random.chance(0.3)) return
      const work = decide(link, request_id).finally(() => atWork.delete(work))
      atWork.add(work)
    },
    async settle() {
      await Promise.all(atWork)
      const { join_requests } = await insist(scene.end, () => scene.book.owner.joinRequests())
      const rest = join_requests.filter(({ name, state }) => state === 'pending' && !name?.startsWith(IGNORED))
      await Promise.all(rest.map(({ link, request_id }) => approve(scene, link, request_id)))
    }
  }
}

async function approve(scene: Scene, link: string, requestId: string): Promise<void> {
  let tries = 0
  try {
    await insist(scene.end, () => {
      tries++
      return scene.book.owner.approve(link, requestId)
    })
    scene.book.approved.set(requestId, tries === 1 ? 'at once' : 'later')
  } catch (error) {
    if (!isProblem(error, 'request-closed')) note(scene, `approving ${requestId}`, error)
  }
}

/** The owner makes links and revokes some. */
export async function linkKeeper(scene: Scene, everyMs: number): Promise<void> {
  const { book, calm, end, patience } = scene
  const random = scene.random.fork()
  while (!calm.aborted && book.links.length < MAX_LINKS) {
    try {
      const { link: url } = await insist(end, () => book.owner.invite())
      const link: LinkBook = { url, states: ['open'] }
      book.links.push(link)
      await linger(random.int(0, 2 * everyMs), calm)
      if (!random.chance(0.5)) continue
      link.states = ['open', 'revoked']
      await insist(
        end,
        () => book.owner.revoke(url),
        () => random.chance(patience.givesUp)
      )
      link.states = ['revoked']
    } catch (error) {
      note(scene, 'the links', error)
    }
  }
}

/** Somebody creates chats and closes some. */
export async function chatMaker(scene: Scene, everyMs: number): Promise<void> {
  const { book, calm, end } = scene
  const random = scene.random.fork()
  for (; !calm.aborted; await linger(random.int(0, 2 * everyMs), calm)) {
    try {
      const chat = await createChat(scene.place(), { fetch: fetchAt(scene.place), signal: end })
      const other = { chat, statuses: [200] }
      book.others.push(other)
      if (random.chance(0.5)) continue
      other.statuses = [200, 404]
      await chat.close()
      other.statuses = [404]
    } catch (error) {
      note(scene, 'other chats', error)
    }
  }
}
