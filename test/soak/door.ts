/** Those who knock, and the owner who lets them in. */
import { type Chat, type ChatEvent, type Exchange, Guest, knock, SillyChatError } from '../../dist/client/index.js'
import type { GuestBook } from './book.ts'
import { hastyFetch } from './network.ts'
import { insist, isBroken, linger, note, type Scene } from './scene.ts'
import { say } from './talk.ts'

const WAIT_SECONDS = 120
const SILENCE_MS = 2000
const MAX_UNDECIDED = 60
/** Nobody lets these in. */
const IGNORED = 'ignored'

type Arrival = (
  scene: Scene,
  guest: GuestBook,
  link: string,
  fetch: typeof globalThis.fetch
) => Promise<Chat | undefined>

/** Guests who arrive at random until the calm; resolves when all of them are done. */
export async function guests(scene: Scene, everyMs: number): Promise<void> {
  const random = scene.random.fork()
  const arrived = new Set<Promise<void>>()
  for (let count = 1; !scene.calm.aborted; count++) {
    await linger(random.int(0, 2 * everyMs), scene.calm)
    if (arrived.size >= MAX_UNDECIDED || scene.calm.aborted) continue
    const [manner, arrive] = random.pick<[string, Arrival]>(
      ['waits', byStream],
      ['asks', byAsking],
      ['holds', (...call) => byWaiting(call, new AbortController().signal)],
      ['hangs-up', (...call) => byWaiting(call, AbortSignal.timeout(random.int(20, 2000)))]
    )
    const kind = random.chance(0.1) ? IGNORED : 'guest'
    const link = random.pick(...scene.links)
    const guest: GuestBook = { name: `${kind}-${count}-${manner}`, cameAt: Date.now(), connections: 0 }
    scene.book.guests.push(guest)
    const visit = enter(scene, guest, link, arrive).finally(() => arrived.delete(visit))
    arrived.add(visit)
  }
  await Promise.all(arrived)
}

async function enter(scene: Scene, guest: GuestBook, link: string, arrive: Arrival): Promise<void> {
  try {
    const fetch = hastyFetch(() => guest.connections++)
    const chat = await arrive(scene, guest, link, fetch)
    if (chat !== undefined && !scene.calm.aborted) await say(scene, chat, guest.name, 'is in')
  } catch (error) {
    const isTooMany = error instanceof SillyChatError && error.kind === 'too-many-waiting'
    if (!isTooMany && !scene.close.aborted) note(scene, guest.name, error)
  }
}

/** Knocks, and waits on the stream of the link. */
const byStream: Arrival = async (scene, guest, link, fetch) => {
  const knocked = await knock(link, { name: guest.name, fetch, signal: scene.close })
  guest.requestId = knocked.requestId
  const chat = await knocked.admitted({ silenceMs: SILENCE_MS })
  guest.isIn = true
  return chat
}

/** Knocks, and asks again and again what has become of it. */
const byAsking: Arrival = async (scene, guest, link, fetch) => {
  const knocked = await knock(link, { name: guest.name, fetch, signal: scene.close })
  guest.requestId = knocked.requestId
  while (!scene.close.aborted) {
    const again = new Guest(`${knocked.link}?wait=1`, knocked.clientId, knocked.requestId, {
      fetch,
      signal: scene.close
    })
    const { chat } = await insist(scene.close, () => again.state())
    if (chat === null) continue
    guest.isIn = true
    return knocked.admitted()
  }
  return undefined
}

/** Knocks and waits in one request, as curl does. Who hangs up before the answer can never come back. */
async function byWaiting([scene, guest, link, fetch]: Parameters<Arrival>, hangUp: AbortSignal) {
  const started = Date.now()
  try {
    const signal = AbortSignal.any([hangUp, scene.close])
    const answer = await fetch(`${link}?name=${guest.name}&wait=${WAIT_SECONDS}`, { signal })
    if (answer.status === 429) return undefined
    if (answer.status === 503) {
      // Whether it was recorded nobody knows.
      guest.goneAt = Date.now()
      return undefined
    }
    const { client_id, request_id }: Exchange = JSON.parse(await answer.text())
    if (client_id === null || request_id === null) throw new Error(`a knock was answered with ${answer.status}`)
    guest.requestId = request_id
    const waiting = new Guest(link, client_id, request_id, { fetch, signal: scene.close })
    const chat = await waiting.admitted({ silenceMs: SILENCE_MS })
    guest.isIn = true
    return chat
  } catch (error) {
    if (!hangUp.aborted && !scene.close.aborted && !isBroken(error)) throw error
    const waited = Date.now() - started
    // An answer that was due may have been under way.
    if (guest.requestId === undefined && waited < WAIT_SECONDS * 1000) guest.goneAt = Date.now()
    return undefined
  }
}

/** What the owner does about events: most who knock are let in, sooner or later, the others in the calm. */
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
  try {
    await insist(scene.end, () => scene.book.owner.approve(link, requestId))
    scene.book.approved.add(requestId)
  } catch (error) {
    const isClosed = error instanceof SillyChatError && error.kind === 'request-closed'
    if (!isClosed) note(scene, `approving ${requestId}`, error)
  }
}
