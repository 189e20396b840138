/**
 * A model test of the file store: random concurrent calls, and writes that are acknowledged, fail or are interrupted by a
 * crash in random steps. After each step the store must show exactly what it has acknowledged.
 */
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Door } from '../../../src/chat/door.ts'
import type { DoorEvent, Logged, LoggedEvent, LoggedMessage } from '../../../src/chat/events.ts'
import { type ChatTag, type PostKey, postKey, tagOf } from '../../../src/chat/ids.ts'
import { type NewMessage, type Store, StoreUnavailable } from '../../../src/chat/store.ts'
import { messageJson } from '../../../src/store/codec.ts'
import type { Disk } from '../../../src/store/file/disk.ts'
import { fileStore } from '../../../src/store/file/file-store.ts'
import { type HeldDisk, heldDisk, turns } from '../../support/disks.ts'
import { aDoor, aUser, withKnock, withLink } from '../../support/doors.ts'
import { ALL, messagesAfter } from '../contract/support.ts'

const CHATS = 3
const KEYS = 3
/** Fits about ten messages. */
const MAX_CHAT_BYTES = 700

const chat = fc.nat(CHATS - 1)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ is: fc.constant('create'), chat }) },
  {
    weight: 12,
    arbitrary: fc.record({
      is: fc.constant('append'),
      chat,
      key: fc.option(fc.nat(KEYS - 1), { nil: undefined }),
      stale: fc.boolean()
    })
  },
  { weight: 4, arbitrary: fc.record({ is: fc.constant('commit'), chat, events: fc.nat(2), takesRight: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('remove'), chat, exact: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('watch'), chat }) },
  { weight: 4, arbitrary: fc.record({ is: fc.constant('apply') }) },
  { weight: 12, arbitrary: fc.record({ is: fc.constant('acknowledge') }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('fail'), how: fc.constantFrom('full', 'failed') }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('reopen') }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('crash') }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('crowd') }) }
)

type Step = typeof step extends fc.Arbitrary<infer Kind> ? Kind : never

export const steps = (maxLength: number): fc.Arbitrary<Step[]> => fc.array(step, { maxLength, size: 'max' })

/** The acknowledged state of a chat. */
interface Known {
  readonly door: Door
  readonly version: number
  readonly events: readonly LoggedEvent[]
  readonly idleSince: number
}

/** A call of the store, and its outcome. */
type Call = { readonly chat: number; settled?: { outcome?: unknown; error?: unknown } } & (
  | { readonly verb: 'create' }
  | { readonly verb: 'append'; message: NewMessage; rights: number; key: PostKey | undefined }
  | { readonly verb: 'commit'; door: Door; version: number; joins: number; now: number }
  | { readonly verb: 'remove'; lastEventId: number | undefined }
)

interface Watcher {
  readonly chat: number
  readonly expected: (number | 'reset' | 'gone')[]
  readonly notified: (number | 'reset' | 'gone')[]
}

/** Runs the steps on a store over a disk that `open` opens, also again after a close. */
export async function run(all: readonly Step[], open: () => Disk, ballast: ChatTag): Promise<void> {
  const model = new Model(open, ballast)
  for (const one of all) {
    await model.run(one)
    await model.check()
  }
  await model.end()
}

class Model {
  readonly #open: () => Disk
  readonly #ballast: ChatTag
  readonly #doors = Array.from({ length: CHATS }, () => aDoor().door)
  readonly #keys = Array.from({ length: KEYS }, () => postKey(aUser(), 'once'))
  #disk: HeldDisk
  #store: Store
  #known: (Known | undefined)[] = Array.from({ length: CHATS }, () => undefined)
  #before: (Known | undefined)[] = []
  #calls: Call[] = []
  #watchers: Watcher[] = []
  #failed = false
  #clock = 0

  constructor(open: () => Disk, ballast: ChatTag) {
    this.#open = open
    this.#ballast = ballast
    this.#disk = heldDisk(open())
    this.#store = storeOver(this.#disk)
  }

  async run(one: Step): Promise<void> {
    this.#clock++
    switch (one.is) {
      case 'create':
        this.#call({ verb: 'create', chat: one.chat }, this.#store.create(this.#door(one.chat)))
        break
      case 'append':
        this.#append(one.chat, one.key, one.stale)
        break
      case 'commit':
        this.#commit(one.chat, one.events, one.takesRight)
        break
      case 'remove':
        this.#remove(one.chat, one.exact)
        break
      case 'watch':
        await this.#watch(one.chat)
        break
      case 'apply':
        await this.#disk.apply()
        break
      case 'acknowledge':
        await this.#disk.acknowledge()
        break
      case 'fail':
        this.#failed = true
        this.#disk.fail(one.how)
        break
      case 'reopen':
        await this.#reopen()
        break
      case 'crash':
        await this.#crash()
        break
      case 'crowd':
        await this.#store.load(this.#ballast)
        break
      default:
        throw one satisfies never
    }
  }

  #door(index: number): Door {
    const door = this.#doors[index]
    if (door === undefined) throw new Error('no such chat')
    return door
  }

  #tag(index: number): ChatTag {
    return tagOf(this.#door(index).chat)
  }

  #call(call: Call, outcome: Promise<unknown>): void {
    this.#calls.push(call)
    outcome.then(
      (value) => {
        call.settled = { outcome: value }
      },
      (error: unknown) => {
        call.settled = { error }
      }
    )
  }

  #append(index: number, keyed: number | undefined, stale: boolean): void {
    const key = keyed === undefined ? undefined : this.#keys[keyed]
    const rights = (this.#known[index]?.door.rights ?? 0) + (stale ? -1 : 0)
    const message: NewMessage = {
      from: 'owner',
      text: key === undefined ? `${this.#clock}` : `key ${key} at ${this.#clock}`,
      createdAt: this.#clock
    }
    const outcome = this.#store.append(this.#tag(index), rights, message, key)
    this.#call({ verb: 'append', chat: index, message, rights, key }, outcome)
  }

  #commit(index: number, joins: number, takesRight: boolean): void {
    const { door: before, version } = this.#known[index] ?? { door: this.#door(index), version: 1 }
    const invited = withLink(before, before.owner)
    const { door: knocked, request } = withKnock(invited.door, invited.link)
    const door = { ...knocked, rights: knocked.rights + (takesRight ? 1 : 0) }
    const events = Array.from({ length: joins }, () => ({ type: 'join_request' as const, request }))
    const now = this.#clock
    const options = { isWithdrawal: takesRight }
    const outcome = this.#store.commit(this.#tag(index), version, door, events, now, options)
    this.#call({ verb: 'commit', chat: index, door, version, joins, now }, outcome)
  }

  #remove(index: number, exact: boolean): void {
    const lastEventId = exact ? (this.#known[index]?.events.length ?? 0) : undefined
    const outcome = this.#store.remove(this.#tag(index), lastEventId)
    this.#call({ verb: 'remove', chat: index, lastEventId }, outcome)
  }

  async #watch(index: number): Promise<void> {
    const notified: (number | 'reset' | 'gone')[] = []
    const unwatch = await this.#store.watch(this.#tag(index), (notification) => {
      notified.push(...(typeof notification === 'string' ? [notification] : notification.map(({ id }) => id)))
    })
    expect(unwatch === 'gone').toBe(this.#known[index] === undefined)
    if (unwatch !== 'gone') this.#watchers.push({ chat: index, expected: [], notified })
  }

  async #finishWrites(): Promise<void> {
    for (await turns(); this.#disk.pending !== undefined; await turns()) {
      await this.#disk.acknowledge()
      await this.check()
    }
  }

  async #reopen(): Promise<void> {
    await this.#finishWrites()
    const closed = this.#store.close()
    for (await turns(); this.#disk.pending !== undefined; await turns()) await this.#disk.acknowledge()
    await closed
    this.#start()
  }

  /** The process ends: a pending write is either complete or absent, and nobody was notified. */
  async #crash(): Promise<void> {
    await turns()
    const { isThere } = this.#disk
    const unanswered = this.#calls
    this.#calls = []
    const under = this.#disk.under
    this.#start(under)
    if (!isThere) return
    for (const [index, known] of this.#known.entries()) {
      this.#known[index] = await this.#recovered(
        index,
        known,
        unanswered.filter((call) => call.chat === index)
      )
    }
  }

  #start(under = this.#open()): void {
    this.#disk = heldDisk(under)
    this.#store = storeOver(this.#disk)
    this.#watchers = []
  }

  /** Checks a chat after a crash: everything acknowledged is there, and anything else is from unanswered calls. */
  async #recovered(index: number, known: Known | undefined, unanswered: readonly Call[]): Promise<Known | undefined> {
    const tag = this.#tag(index)
    const loaded = await this.#store.load(tag)
    const verbs = new Set(unanswered.map(({ verb }) => verb))
    if (loaded === undefined) {
      expect(known === undefined || verbs.has('remove')).toBe(true)
      return undefined
    }
    expect(known !== undefined || verbs.has('create')).toBe(true)
    const events = await this.#store.events(tag, 0, ALL)
    if (typeof events === 'string') throw new Error(events)
    expect(events.slice(0, known?.events.length ?? 0)).toEqual(known?.events ?? [])
    expect(events.map(({ id }) => id)).toEqual(events.map((_, at) => at + 1))
    const texts = new Set(unanswered.flatMap((call) => (call.verb === 'append' ? [call.message.text] : [])))
    for (const event of events.slice(known?.events.length ?? 0)) {
      expect(event.type === 'message' ? texts.has(textOf(event)) : verbs.has('commit')).toBe(true)
    }
    return { door: loaded.door, version: loaded.version, events, idleSince: loaded.idleSince }
  }

  /** Everything answered since the last check is there, and nothing else. */
  async check(): Promise<void> {
    await turns()
    const answered = this.#calls.filter(({ settled }) => settled !== undefined)
    this.#calls = this.#calls.filter(({ settled }) => settled === undefined)
    this.#before = [...this.#known]
    for (const call of answered) if (call.verb === 'create') this.#created(call)
    this.#logAll(answered)
    for (const call of answered) if (call.verb === 'remove') this.#removed(call)
    for (const call of answered) this.#checkRefusal(call)
    for (const { expected, notified } of this.#watchers) expect(notified).toEqual(expected)
    for (const [index, known] of this.#known.entries()) await this.#checkChat(this.#tag(index), known)
    this.#failed = false
  }

  #created({ chat: index, settled }: Call): void {
    if (settled?.outcome !== 'created') return
    expect(this.#known[index]).toBeUndefined()
    this.#known[index] = { door: this.#door(index), version: 1, events: [], idleSince: this.#door(index).createdAt }
  }

  /** Adds the events of all answered calls, in the order of their ids. */
  #logAll(answered: readonly Call[]): void {
    const logged = answered.flatMap((call) => eventsOf(call).map((event) => ({ call, event })))
    for (const { call, event } of logged.sort((one, other) => one.event.id - other.event.id)) this.#log(call, event)
    for (const call of answered) {
      const known = this.#known[call.chat]
      if (call.verb !== 'commit' || !Array.isArray(call.settled?.outcome)) continue
      if (known === undefined) throw new Error('committed to a chat that does not exist')
      expect(known.version).toBe(call.version)
      expect(call.settled.outcome).toHaveLength(call.joins)
      this.#known[call.chat] = { ...known, door: call.door, version: call.version + 1 }
    }
  }

  #log(call: Call, event: LoggedEvent): void {
    const known = this.#known[call.chat]
    if (known === undefined) throw new Error('logged to a chat that does not exist')
    const earlier = known.events[event.id - 1]
    if (earlier !== undefined) {
      expect(earlier).toEqual(event)
      expect(event.type === 'message' && textOf(event)).toContain(`key ${call.verb === 'append' ? call.key : ''} `)
      return
    }
    expect(event.id).toBe(known.events.length + 1)
    this.#known[call.chat] = { ...known, events: [...known.events, event], idleSince: instantOf(call) }
    for (const watcher of this.#watchers) if (watcher.chat === call.chat) watcher.expected.push(event.id)
  }

  #removed({ chat: index, settled }: Call): void {
    if (settled?.outcome !== true) return
    expect(this.#known[index]).toBeDefined()
    this.#known[index] = undefined
    for (const watcher of this.#watchers) if (watcher.chat === index) watcher.expected.push('gone')
    this.#watchers = this.#watchers.filter((watcher) => {
      if (watcher.chat === index) expect(watcher.notified).toEqual(watcher.expected)
      return watcher.chat !== index
    })
  }

  /** A refusal must fit the state before or after the write, and a failure needs a failed write. */
  #checkRefusal(call: Call): void {
    const { outcome, error } = call.settled ?? {}
    if (error !== undefined) {
      if (!(error instanceof StoreUnavailable)) throw error
      expect(this.#failed).toBe(true)
      return
    }
    if (typeof outcome === 'object' || outcome === 'created' || outcome === true) return
    const states = [this.#before[call.chat], this.#known[call.chat]]
    expect(states.some((state) => isRefused(call, outcome, state))).toBe(true)
  }

  async #checkChat(tag: ChatTag, known: Known | undefined): Promise<void> {
    const loaded = await this.#store.load(tag)
    const events = await this.#store.events(tag, 0, ALL)
    const page = await messagesAfter(this.#store, tag)
    if (known === undefined) {
      expect([loaded, events, page]).toEqual([undefined, 'gone', 'gone'])
      return
    }
    const { door, version, idleSince } = known
    expect(loaded).toEqual({ door, version, idleSince, lastEventId: known.events.length })
    expect(events).toEqual(known.events)
    const messages = known.events.filter((event) => event.type === 'message')
    if (typeof page === 'string') throw new Error(page)
    expect(`${Buffer.concat(page.json)}`).toBe(messages.map(({ json }) => json).join())
    const keys = messages.flatMap((event) => /^key \S+/.exec(textOf(event)) ?? [])
    expect(new Set(keys).size).toBe(keys.length)
  }

  /** All calls are answered, and the disk has only records of the existing chats. */
  async end(): Promise<void> {
    await this.#finishWrites()
    await this.check()
    expect(this.#calls).toEqual([])
    const idle = await this.#store.idleChats(this.#clock, this.#clock)
    await this.#finishWrites()
    const there = this.#known.flatMap((known, index) => (known === undefined ? [] : [{ known, tag: this.#tag(index) }]))
    expect([...idle].sort()).toEqual(there.map(({ tag }) => tag).sort())
    const kinds = new Map<string, string[]>()
    for (const { key } of this.#disk.range(Buffer.of(0), Buffer.of(0xff))) {
      const tag = key.toString('latin1').slice(...(/[xy]/.test(`${key}`.charAt(0)) ? [-12] : [1, 13]))
      kinds.set(tag, [...(kinds.get(tag) ?? []), `${key}`.charAt(0)])
    }
    kinds.delete(this.#ballast)
    expect(kinds.size).toBe(there.length)
    for (const { known, tag } of there) expect(kinds.get(tag)?.sort().join('')).toBe(kindsOf(known))
    const closed = this.#store.close()
    await this.#finishWrites()
    await closed
  }
}

function storeOver(disk: Disk): Store {
  return fileStore(disk, {
    maxChatBytes: MAX_CHAT_BYTES,
    onFault: () => undefined,
    onBroken: (fault) => {
      throw fault
    }
  })
}

function kindsOf({ door, events }: Known): string {
  const messages = events.filter((event) => event.type === 'message')
  const keyed = messages.filter((event) => textOf(event).startsWith('key'))
  const [joins, idle] = [events.length - messages.length, events.length === 0 ? 'x' : 'y']
  const requests = 'Q'.repeat(door.requests.size)
  return `CH${'J'.repeat(joins)}${'M'.repeat(messages.length)}${'P'.repeat(keyed.length)}${requests}${idle}`
}

function textOf({ json }: LoggedMessage): string {
  const { text }: { text: string } = JSON.parse(json)
  return text
}

function eventsOf({ settled }: Call): LoggedEvent[] {
  const outcome = settled?.outcome
  if (Array.isArray(outcome)) return outcome.map((event: Logged<DoorEvent>) => event)
  return isMessage(outcome) ? [outcome] : []
}

function isMessage(outcome: unknown): outcome is LoggedMessage {
  return typeof outcome === 'object' && outcome !== null && 'json' in outcome
}

function instantOf(call: Call): number {
  if (call.verb === 'append') return call.message.createdAt
  if (call.verb === 'commit') return call.now
  throw new Error('this call logs no event')
}

/** Whether this refusal of the call is right for this state of the chat. */
function isRefused(call: Call, outcome: unknown, state: Known | undefined): boolean {
  switch (outcome) {
    case 'gone':
      return state === undefined
    case 'taken':
      return state !== undefined
    case 'conflict':
      return call.verb === 'append' ? state?.door.rights !== call.rights : state?.version !== versionOf(call)
    case 'chat-full':
      return call.verb === 'append' && state !== undefined && bytesWith(call.message, state) > MAX_CHAT_BYTES
    case false:
      return call.verb === 'remove' && (state === undefined || state.events.length !== call.lastEventId)
    default:
      return false
  }
}

function versionOf(call: Call): number | undefined {
  return call.verb === 'commit' ? call.version : undefined
}

function bytesWith(message: NewMessage, { events }: Known): number {
  const messages = events.flatMap((event) => (event.type === 'message' ? [event.json] : []))
  const all = [...messages, messageJson(events.length + 1, message)]
  return all.reduce((sum, json) => sum + Buffer.byteLength(json) + 1, 0)
}
