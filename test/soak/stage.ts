/** One chat from its first member to the calm in which everybody must come level with its log. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Chat, createChat, knock } from '../../dist/client/index.js'
import { type ChatBook, isUnseen, newReader } from './book.ts'
import { doorkeeper, guests } from './door.ts'
import type { Random } from './random.ts'
import { insist, type Scene } from './scene.ts'
import { bursts, latecomers, poller, poster, reader } from './talk.ts'

export interface Phases {
  /** Aborted when nobody shall begin anything new. */
  readonly calm: AbortController
  /** Aborted when those who still wait at the door shall go. */
  readonly close: AbortController
  readonly end: AbortController
}

export interface Plan {
  readonly stormMs: number
  /** A flood of long messages so often; never without. */
  readonly burstEveryMs: number | undefined
}

const MEMBERS = 3
const POSTERS = 8
const LINKS = 4
const LATECOMERS = 4
const GUEST_EVERY_MS = 120
/** Always behind, so always shown the log and hardly ever live. */
const slow = (random: Random) => random.int(0, 40)
/** Live, and then it takes nothing for a while: that is who is cut off when a flood comes. */
const dozing = (random: Random) => (random.chance(0.003) ? 3000 : 0)
const LOOK_EVERY_MS = 100

/** A chat with its links and members; the network must still be calm enough to insist on it. */
export async function setScene(name: string, proxyUrl: string, random: Random, phases: Phases): Promise<Scene> {
  const [calm, close, end] = [phases.calm.signal, phases.close.signal, phases.end.signal]
  const created = await insist(end, () => createChat(proxyUrl))
  const owner = new Chat(created.url, created.userId, { signal: end })
  const book: ChatBook = {
    owner,
    name,
    posts: [],
    readers: [],
    guests: [],
    approved: new Set(),
    kills: [],
    mayJump: false,
    trouble: []
  }
  const invite = async () => (await insist(end, () => owner.invite())).link
  const links: [string, ...string[]] = [await invite()]
  while (links.length < LINKS) links.push(await invite())
  const join = async () => {
    const { clientId, requestId } = await insist(end, () => knock(links[0]))
    await insist(end, () => owner.approve(links[0], requestId))
    return clientId
  }
  const members: [string, ...string[]] = [await join()]
  while (members.length < MEMBERS) members.push(await join())
  return { book, random, links, members, calm, close, end }
}

/** Who acts in a chat. `begun` are done soon after the calm, `lasting` once everything ends. */
export function play(
  scene: Scene,
  plan: Plan
): { begun: Promise<unknown>; settle(): Promise<void>; lasting: Promise<unknown> } {
  const { members, book, random } = scene
  const keeper = doorkeeper(scene)
  const owner = { after: 0, onEvent: keeper.onEvent }
  const [first] = members
  const lasting = [
    reader(scene, newReader('owner', 0, true), book.owner.userId, owner),
    reader(scene, newReader('member-from-the-start', 0), first, { after: 0 }),
    reader(scene, newReader('member-with-what-is-new', undefined), first, {}),
    reader(scene, newReader('slow-reader', 0), first, { after: 0, pauseMs: slow }),
    reader(scene, newReader('dozing-member', 0), first, { after: 0, pauseMs: dozing }),
    reader(scene, newReader('dozing-owner', 0, true), book.owner.userId, { after: 0, pauseMs: dozing }),
    poller(scene, newReader('poller', 0), first),
    latecomers(scene, LATECOMERS, plan.stormMs)
  ]
  const begun = [
    ...Array.from({ length: POSTERS }, (_, index) => poster(scene, `member-${index}`, random.pick(...members))),
    poster(scene, 'owner', book.owner.userId),
    ...(plan.burstEveryMs === undefined ? [] : [bursts(scene, plan.burstEveryMs)])
  ]
  const waiting = guests(scene, GUEST_EVERY_MS)
  return { begun: Promise.all(begun), settle: keeper.settle, lasting: Promise.all([...lasting, waiting]) }
}

/** Resolves with what is still missing: nothing as soon as everybody is level with the log. */
export async function level(scene: Scene, serverUrl: string, withinMs: number): Promise<string[]> {
  const { book, end } = scene
  const direct = new Chat(serverUrl + new URL(book.owner.url).pathname, book.owner.userId, { signal: end })
  const deadline = Date.now() + withinMs
  for (;;) {
    const missing = [...(await readersBehind(book, direct)), ...(await guestsUntold(book, direct))]
    if (missing.length === 0 || Date.now() > deadline) return missing.map((text) => `${book.name}: ${text}`)
    await sleep(LOOK_EVERY_MS)
  }
}

async function readersBehind({ readers, posts }: ChatBook, direct: Chat): Promise<string[]> {
  const after = posts.reduce((highest, { id = 0 }) => Math.max(highest, id), 0)
  const { messages, last_event_id } = await direct.read({ after })
  const lastMessage = messages.at(-1)?.id ?? after
  return readers.flatMap(({ name, isOwner, level, start }) => {
    const last = isOwner ? last_event_id : lastMessage
    if (level >= last && start !== undefined) return []
    return [`${name} is at event ${level} of ${last}`]
  })
}

async function guestsUntold(book: ChatBook, direct: Chat): Promise<string[]> {
  const { join_requests } = await direct.joinRequests()
  const states = new Map(join_requests.map(({ name, state }) => [name, state]))
  return book.guests.flatMap((guest) => {
    const { name, requestId, isIn, goneAt } = guest
    const state = states.get(name)
    if (state === 'approved' && requestId !== undefined && !isIn) return [`${name} waits to be told`]
    return state === 'pending' && goneAt !== undefined && !isUnseen(book, guest)
      ? [`the server has not seen that ${name} is gone`]
      : []
  })
}
