/** A crowd: chats whose actors post, read, knock and decide, until a calm in which everybody must catch up with the log. */
import { setMaxListeners } from 'node:events'
import { Chat, createChat, knock } from '../../dist/client/index.js'
import { eventually } from '../support/eventually.ts'
import { type ChatBook, isUnseen, newReader } from './book.ts'
import { compare, type Difference } from './compare.ts'
import { chatMaker, doorkeeper, guests, linkKeeper } from './door.ts'
import { fetchAt } from './fetch.ts'
import type { Random } from './random.ts'
import { insist, isProblem, note, type Patience, type Scene } from './scene.ts'
import { bursts, latecomers, poller, poster, preparePost, reader } from './talk.ts'

/** The actors of one chat: those of `begun` finish soon after the calm, those of `lasting` when everything ends. */
interface Play {
  readonly begun: readonly Promise<unknown>[]
  readonly lasting: readonly Promise<unknown>[]
  settle(): Promise<void>
}

interface Plan {
  readonly chats?: number
  readonly random: Random
  readonly patience: Patience
  /** The base of the server to which the next request goes. */
  readonly place: () => string
  /** Whether ids can jump. */
  readonly mayJump?: boolean
  /** The actors of each chat. */
  readonly cast: (scene: Scene, index: number) => Play
}

const MEMBERS = 3
const POSTERS = 8
const TALKERS = 6
const LINKS = 4
const LATECOMERS = 4
const GUESTS = 250
const GUEST_EVERY_MS = 120
const LINK_EVERY_MS = 400
const CHAT_EVERY_MS = 100
/** The deadline of posts. */
const PATIENCE_MS = 60_000
/** Slower than the others, so it mostly reads the log and is hardly ever live. */
const slow = (random: Random) => random.int(0, 40)
/** Live, but sometimes pauses: a burst cuts off such a reader. */
const dozing = (random: Random) => (random.chance(0.003) ? 3000 : 0)

export class Crowd {
  /** What it is waiting for. */
  step = 'the members'
  /** When servers were killed. */
  readonly kills: number[] = []
  #scenes: readonly Scene[] = []
  #plays: readonly Play[] = []
  readonly #phases = { calm: new AbortController(), close: new AbortController(), end: new AbortController() }

  /** Starts all actors. The connections to the servers must work until this resolves. */
  static async gather({ chats = 1, ...plan }: Plan): Promise<Crowd> {
    const crowd = new Crowd()
    for (const { signal } of Object.values(crowd.#phases)) setMaxListeners(0, signal)
    const names = Array.from({ length: chats }, (_, index) => `chat ${index + 1}`)
    crowd.#scenes = await Promise.all(names.map((name) => crowd.#setScene(name, plan)))
    crowd.#plays = crowd.#scenes.map(plan.cast)
    return crowd
  }

  get books(): ChatBook[] {
    return this.#scenes.map(({ book }) => book)
  }

  /** The numbers of all chats; `reconnects` does not count the first connection of each stream. */
  get stats() {
    const counts = this.books.map((book) => book.counts)
    const sum = (name: 'acknowledged' | 'refused' | 'lost') => counts.reduce((total, one) => total + one[name], 0)
    const streams = this.books.flatMap(({ readers, guests }) => [...readers, ...guests])
    return {
      acknowledged: sum('acknowledged'),
      refused: sum('refused'),
      lost: sum('lost'),
      slowestMs: Math.max(...counts.map(({ slowestMs }) => slowestMs)),
      reconnects: streams.reduce((total, { connections }) => total + Math.max(0, connections - 1), 0)
    }
  }

  /** Resolves once `more` further posts are acknowledged. */
  async acknowledged(more: number): Promise<void> {
    const wanted = this.stats.acknowledged + more
    const isEnough = () => {
      const trouble = this.books.flatMap((book) => book.trouble)
      if (this.stats.acknowledged < wanted)
        throw new Error([`${this.stats.acknowledged} of ${wanted}`, ...trouble].join('; '))
      return true
    }
    await eventually(isEnough, `${more} more posts are acknowledged`, { withinMs: PATIENCE_MS })
  }

  /** Whether a post to this server is refused because the store is unreachable. It is retried until it is posted. */
  async isRefusedAt(url: string): Promise<boolean> {
    const [scene] = this.#scenes
    if (scene === undefined) throw new Error('nobody is there')
    const { book, busy, end } = scene
    let place = () => url
    const name = `probe-${book.posts.length}`
    const send = preparePost(scene, book.owner.userId, name, 'hello', { place: () => place() })
    const isRefused = await send().then(
      () => false,
      (error) => isProblem(error, 'store-unreachable')
    )
    place = scene.place
    if (isRefused) busy.add(insist(end, send).catch((error) => note(scene, name, error)))
    return isRefused
  }

  /** Stops new actions, approves pending guests, lets everybody catch up, and returns the differences. */
  async finish(urls: readonly [string, ...string[]], withinMs: number): Promise<Difference[]> {
    const { calm, close, end } = this.#phases
    this.step = 'the last posts'
    calm.abort()
    await this.#done(this.#plays.flatMap(({ begun }) => begun))
    this.step = 'the last approvals'
    await this.#done(this.#plays.map((play) => play.settle()))
    this.step = 'guests who have just come in'
    await this.#done(this.#scenes.flatMap(({ busy }) => [...busy]))
    this.step = 'readers that are not up to date with the log'
    const late = await this.#catchUp(urls[0], withinMs)
    close.abort()
    this.step = 'guests whose disconnecting the server has not seen'
    const unseen = late.length > 0 ? [] : await this.#catchUp(urls[0], withinMs)
    this.step = 'the comparison'
    const found = await Promise.all(this.books.map((book) => compare(book, urls, end.signal)))
    this.step = 'the end'
    this.end()
    await this.#done(this.#plays.flatMap(({ lasting }) => lasting))
    return [...late, ...unseen, ...found.flat()]
  }

  end(): void {
    this.#phases.end.abort(new Error('it is over'))
  }

  async #done(work: readonly Promise<unknown>[]): Promise<void> {
    await eventually(() => Promise.all(work), this.step, { withinMs: PATIENCE_MS })
  }

  async #catchUp(url: string, withinMs: number): Promise<Difference[]> {
    const check = async () => {
      const missing = (await Promise.all(this.#scenes.map((scene) => missingIn(scene, url)))).flat()
      if (missing.length > 0) throw new Error(missing.join('; '))
      return true
    }
    return await eventually(check, 'everybody is up to date', { withinMs }).then(
      () => [],
      (error: Error) => [{ kind: 'other', text: error.message }]
    )
  }

  /** A chat with its links and members. */
  async #setScene(name: string, { place, random, patience, mayJump = false }: Omit<Plan, 'chats'>): Promise<Scene> {
    const [calm, close, end] = [this.#phases.calm.signal, this.#phases.close.signal, this.#phases.end.signal]
    const options = { fetch: fetchAt(place), signal: end }
    const owner = await insist(end, () => createChat(place(), options))
    const invite = async () => (await insist(end, () => owner.invite())).link
    const links = await Promise.all(Array.from({ length: LINKS }, invite))
    const join = async () => {
      const { clientId, requestId, link } = await insist(end, () => knock(links[0] ?? '', options))
      await insist(end, () => owner.approve(link, requestId))
      return clientId
    }
    const members: [string, ...string[]] = [await join()]
    while (members.length < MEMBERS) members.push(await join())
    const book: ChatBook = {
      name,
      owner: new Chat(owner.url, owner.userId, options),
      posts: [],
      readers: [],
      guests: [],
      links: links.map((url) => ({ url, states: ['open'] })),
      others: [],
      approved: new Map(),
      kills: this.kills,
      mayJump,
      newest: 0,
      counts: { acknowledged: 0, refused: 0, lost: 0, slowestMs: 0 },
      trouble: []
    }
    return { book, random: random.fork(), members, place, patience, busy: new Set(), calm, close, end }
  }
}

interface Storm {
  readonly stormMs: number
  readonly posters?: number
  /** How often one of the chats has a burst of long messages; undefined means never. */
  readonly burstEveryMs?: number
}

/** All kinds of actors. */
export function everybody({ stormMs, posters = POSTERS, burstEveryMs }: Storm): Plan['cast'] {
  return (scene, index) => {
    const { members, book, random } = scene
    const { userId } = book.owner
    const keeper = doorkeeper(scene)
    const [first] = members
    return {
      begun: [
        ...Array.from({ length: posters }, (_, member) => poster(scene, `member-${member}`, random.pick(...members))),
        poster(scene, 'owner', userId),
        linkKeeper(scene, LINK_EVERY_MS),
        chatMaker(scene, CHAT_EVERY_MS),
        ...(burstEveryMs === undefined || index > 0 ? [] : [bursts(scene, burstEveryMs)])
      ],
      settle: keeper.settle,
      lasting: [
        reader(scene, newReader('owner', 0, 'everything'), userId, { after: 0, onEvent: keeper.onEvent }),
        reader(scene, newReader('member-from-the-start', 0), first, { after: 0 }),
        reader(scene, newReader('member-with-what-is-new', undefined), first),
        reader(scene, newReader('slow-reader', 0), first, { after: 0, pauseMs: slow }),
        reader(scene, newReader('dozing-member', 0), first, { after: 0, pauseMs: dozing }),
        reader(scene, newReader('dozing-owner', 0, 'everything'), userId, { after: 0, pauseMs: dozing }),
        poller(scene, newReader('poller', 0, 'messages'), first),
        latecomers(scene, LATECOMERS, stormMs),
        // A log keeps the newest thousand join events.
        guests(scene, Math.max(GUEST_EVERY_MS, stormMs / GUESTS))
      ]
    }
  }
}

/** An owner and a member who post without long pauses, and read at each of these servers. */
export function talkers(readAt: readonly string[]): Plan['cast'] {
  return (scene) => {
    const { members, book } = scene
    const { userId } = book.owner
    const users = Array.from({ length: TALKERS }, (_, index) => (index % 2 === 0 ? userId : members[0]))
    return {
      begun: users.map((user, index) => poster(scene, `poster-${index}`, user, 10)),
      settle: async () => undefined,
      lasting: readAt.flatMap((firstAt, index) => [
        reader(scene, newReader(`owner at ${index}`, 0, 'everything'), userId, { after: 0, firstAt }),
        reader(scene, newReader(`member at ${index}`, 0), members[0], { after: 0, firstAt })
      ])
    }
  }
}

/** What is missing until everybody has received the whole log. */
async function missingIn({ book, end }: Scene, url: string): Promise<string[]> {
  const view = new Chat(url + new URL(book.owner.url).pathname, book.owner.userId, { signal: end })
  const missing = [...(await readersBehind(book, view)), ...(await guestsUnnotified(book, view))]
  return missing.map((text) => `${book.name}: ${text}`)
}

async function readersBehind({ readers, posts }: ChatBook, view: Chat): Promise<string[]> {
  const after = posts.reduce((highest, { id = 0 }) => Math.max(highest, id), 0)
  const { messages, last_event_id } = await view.read({ after })
  const lastMessage = messages.at(-1)?.id ?? after
  return readers.flatMap(({ name, sees, newest, start }) => {
    const last = sees === 'everything' ? last_event_id : lastMessage
    return newest >= last && start !== undefined ? [] : [`${name} is at event ${newest} of ${last}`]
  })
}

async function guestsUnnotified(book: ChatBook, view: Chat): Promise<string[]> {
  const { join_requests } = await view.joinRequests()
  const states = new Map(join_requests.map(({ name, state }) => [name, state]))
  return book.guests.flatMap((guest) => {
    const { name, requestId, chat, goneAt } = guest
    const state = states.get(name)
    if (state === 'approved' && requestId !== undefined && chat === undefined) return [`${name} waits to be notified`]
    return state === 'pending' && goneAt !== undefined && !isUnseen(book, guest)
      ? [`the server has not seen that ${name} has disconnected`]
      : []
  })
}
