/**
 * Random commands of random users at random times, for the service and for a small model of it: owners, states of requests,
 * and the ends of links and chats. A difference is a stranger who gets in, a guest who waits in vain, or a lost message.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { endingOf } from '../../src/chat/door.ts'
import {
  type ChatId,
  type LinkId,
  newRequestId,
  newUserId,
  type RequestId,
  tagOf,
  type UserId
} from '../../src/chat/ids.ts'
import { Refused } from '../../src/chat/refusals.ts'
import { type ClientNetwork, createService, type Service } from '../../src/chat/service.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'

/** `npm run check` runs more. */
const RUNS = Number(process.env['RUNS'] ?? 50)

const TTL_MS = 100_000

interface ModelLink {
  readonly id: LinkId
  readonly expiresAt: number
  readonly maxGuests: number
  ended: 'expired' | 'revoked' | 'full' | undefined
  /** The networks from which nobody can ask, by the request with which the owner has blocked them. */
  readonly blocked: Map<RequestId, string>
}

type Fate = 'pending' | 'approved' | 'declined' | 'left' | 'expired' | 'revoked' | 'full'

interface ModelRequest {
  readonly link: ModelLink
  readonly guest: UserId
  readonly id: RequestId
  is: Fate
  readonly network: ClientNetwork | undefined
  /** Whether the guest has ever been let in. */
  wasIn: boolean
}

interface ModelChat {
  readonly id: ChatId
  readonly owner: UserId
  readonly links: ModelLink[]
  readonly asked: ModelRequest[]
  readonly posts: { readonly text: string; readonly from: string }[]
  title: string | null
  invites: 'anyone' | 'members' | undefined
  lastEventId: number
  idleSince: number
}

interface Model {
  readonly clock: { now: number }
  chats: ModelChat[]
  /** Owners, guests, and a stranger. */
  readonly people: UserId[]
}

interface Real {
  readonly service: Service
  readonly clock: { now: number }
}

/** What a new chat has. */
const blank = () => ({ posts: [], title: null, invites: undefined })

type Command = fc.AsyncCommand<Model, Real>

/** A number chooses one of the existing items. */
const pick = <Item>(items: readonly Item[], choice: number): Item | undefined => items[choice % items.length]

async function outcome<Result>(work: Promise<Result>): Promise<Result | string> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Refused) {
      return error.refusal.refused === 'request-ended' ? endingOf(error.refusal.request) : error.refusal.refused
    }
    throw error
  }
}

/** As whom the user posts; undefined for a user who is not in the chat. */
function senderIn(chat: ModelChat, user: UserId): string | undefined {
  if (user === chat.owner) return 'owner'
  return chat.asked.find(({ guest, is }) => guest === user && is === 'approved')?.id
}

const stateOf = ({ is }: ModelRequest): string =>
  is === 'pending' || is === 'approved' || is === 'declined' ? is : 'closed'

function logged({ clock }: Model, chat: ModelChat, at = clock.now): void {
  chat.lastEventId++
  chat.idleSince = at
}

function endLink(
  model: Model,
  chat: ModelChat,
  link: ModelLink,
  why: 'expired' | 'revoked' | 'full',
  at?: number
): void {
  link.ended = why
  for (const request of chat.asked) {
    if (request.link !== link || request.is !== 'pending') continue
    request.is = why
    logged(model, chat, at)
  }
}

/** Ends what is due by now. */
function catchUp(model: Model): void {
  const { now } = model.clock
  for (const chat of model.chats) {
    const due = chat.links.filter(({ ended, expiresAt }) => ended === undefined && expiresAt <= now)
    for (const link of due.sort((one, other) => one.expiresAt - other.expiresAt)) {
      if (link.expiresAt < chat.idleSince + TTL_MS) endLink(model, chat, link, 'expired', link.expiresAt)
    }
  }
  model.chats = model.chats.filter((chat) => now < chat.idleSince + TTL_MS)
}

function command(name: string, choices: number[], run: (model: Model, service: Service) => Promise<void>): Command {
  return {
    check: ({ chats }) => name === 'create' || name === 'wait' || chats.length > 0,
    run: async (model, { service, clock }) => {
      await run(model, service)
      clock.now = model.clock.now
      const before = model.chats
      catchUp(model)
      for (const removed of before.filter((chat) => !model.chats.includes(chat))) {
        expect(await outcome(service.links(removed.id, removed.owner))).toBe('chat-not-found')
      }
      for (const chat of model.chats) {
        // What is due is seen by readers before it is stored, and the same after.
        await compareDoor(chat, service)
        await service.applyDueExpiries(tagOf(chat.id))
        await compareDoor(chat, service)
        expect((await service.joinRequests(chat.id, chat.owner)).lastEventId).toBe(chat.lastEventId)
      }
    },
    toString: () => `${name}(${choices.join(', ')})`
  }
}

async function compareDoor(chat: ModelChat, service: Service): Promise<void> {
  const { requests } = await service.joinRequests(chat.id, chat.owner)
  expect(requests.map(({ id, state }) => [id, state])).toEqual(chat.asked.map((one) => [one.id, stateOf(one)]))
  const links = await service.links(chat.id, chat.owner)
  expect(links.map(({ link, pending, approved }) => [link.id, link.ended?.why, pending, approved])).toEqual(
    chat.links.map((link) => {
      const at = chat.asked.filter((asked) => asked.link === link)
      const count = (fate: Fate) => at.filter(({ is }) => is === fate).length
      return [link.id, link.ended, count('pending'), count('approved')]
    })
  )
}

/** Everything that a command about one chat can need. */
const who = fc.tuple(fc.nat(9), fc.nat(99), fc.nat(9), fc.nat(9))

interface Scene {
  readonly model: Model
  readonly service: Service
  readonly chat: ModelChat
  readonly user: UserId
  readonly link: ModelLink
  readonly asked: ModelRequest | undefined
  readonly choice: number
}

function at(name: string, run: (scene: Scene) => Promise<void>): fc.Arbitrary<Command> {
  return who.map(([c, u, l, r]) =>
    command(name, [c, u, l, r], async (model, service) => {
      const chat = pick(model.chats, c)
      // Owners act more often than others.
      const user = u < 40 ? chat?.owner : pick(model.people, u)
      const link = chat && pick(chat.links, l)
      if (chat === undefined || user === undefined || link === undefined) return
      await run({ model, service, chat, user, link, asked: pick(chat.asked, r), choice: u })
    })
  )
}

const create = fc.constant(
  command('create', [], async (model, service) => {
    const { chat, author } = await service.createChat()
    const { now } = model.clock
    model.chats.push({ id: chat, owner: author, links: [], asked: [], ...blank(), lastEventId: 0, idleSince: now })
    model.people.push(author)
  })
)

/** Whole seconds, so that time often reaches a deadline exactly. */
const wait = fc.integer({ min: 1, max: 30 }).map((seconds) =>
  command('wait', [seconds], async (model) => {
    model.clock.now += seconds * 1000
  })
)

const invite = fc
  .tuple(fc.nat(9), fc.nat(99), fc.option(fc.integer({ min: 1, max: 40 })), fc.option(fc.integer({ min: 1, max: 3 })))
  .map(([c, u, seconds, guests]) =>
    command('invite', [c, u, seconds ?? 0, guests ?? 0], async (model, service) => {
      const chat = pick(model.chats, c)
      if (chat === undefined) return
      const limits = { expiresInSeconds: seconds ?? undefined, maxGuests: guests ?? undefined }
      const user = pick(model.people, u)
      const came = await outcome(service.createLink(chat.id, user, limits))
      if (chat.invites === 'members' && (user === undefined || senderIn(chat, user) === undefined)) {
        expect(came).toBe('invites-closed')
        return
      }
      if (typeof came === 'string') throw new Error(`a link was refused: ${came}`)
      const { link } = came
      const expiresAt = seconds === null ? Number.POSITIVE_INFINITY : model.clock.now + seconds * 1000
      expect(link.expiresAt ?? Number.POSITIVE_INFINITY).toBe(expiresAt)
      chat.links.push({
        id: link.id,
        expiresAt,
        maxGuests: guests ?? Number.POSITIVE_INFINITY,
        ended: undefined,
        blocked: new Map()
      })
    })
  )

const NETWORKS = [
  { name: '192.0.2.1', isSure: true },
  { name: '192.0.2.2', isSure: true },
  { name: '10.0.0.1', isSure: false },
  undefined
]

const knock = at('knock', async ({ model, service, chat, link, choice }) => {
  const network = pick(NETWORKS, choice)
  const found = await outcome(service.exchange(link.id, undefined, { name: null, network }))
  if (link.ended !== undefined) {
    expect(found).toBe(`link-${link.ended}`)
    expect(await outcome(service.checkLink(link.id))).toBe(`link-${link.ended}`)
    return
  }
  if (network !== undefined && [...link.blocked.values()].includes(network.name)) {
    expect(found).toBe('blocked')
    expect(await outcome(service.checkLink(link.id, network))).toBe('blocked')
    return
  }
  expect(await outcome(service.checkLink(link.id, network))).toBeUndefined()
  if (typeof found === 'string' || found.is !== 'guest') throw new Error('a newcomer is refused or let in')
  expect(model.people).not.toContain(found.client)
  expect(found.request.state).toBe('pending')
  model.people.push(found.client)
  chat.asked.push({ link, guest: found.client, id: found.request.id, is: 'pending', network, wasIn: false })
  logged(model, chat)
})

/** Checks the refusal of a decision about a request with an id, if there must be one. */
function expectRefusal({ chat, user, link, asked }: Scene, came: unknown): boolean {
  if (asked === undefined || asked.link !== link) expect(came).toBe('request-not-found')
  else if (user !== chat.owner) expect(came).toBe('not-the-owner')
  else return false
  return true
}

const approve = at('approve', async (scene) => {
  const { model, service, chat, user, link, asked } = scene
  const came = await outcome(service.decide(link.id, user, asked?.id ?? newRequestId(), 'approve'))
  if (expectRefusal(scene, came) || asked === undefined) return
  approved(model, chat, asked, came)
})

function approved(model: Model, chat: ModelChat, asked: ModelRequest, came: unknown): void {
  if (stateOf(asked) === 'closed' || (asked.is === 'declined' && asked.link.ended !== undefined)) {
    expect(came).toBe('request-closed')
    return
  }
  expect(came).toMatchObject({ id: asked.id, state: 'approved' })
  if (asked.is === 'approved') return
  asked.is = 'approved'
  asked.wasIn = true
  asked.link.blocked.delete(asked.id)
  logged(model, chat)
  const inside = chat.asked.filter(({ link, is }) => link === asked.link && is === 'approved').length
  if (inside >= asked.link.maxGuests) endLink(model, chat, asked.link, 'full')
}

const decline = at('decline', async (scene) => {
  const { model, service, chat, user, link, asked, choice } = scene
  const block = choice % 3 === 0
  const came = await outcome(service.decide(link.id, user, asked?.id ?? newRequestId(), 'decline', { block }))
  if (expectRefusal(scene, came) || asked === undefined) return
  if (stateOf(asked) === 'closed' && !(block && asked.is === 'left')) {
    expect(came).toBe('request-closed')
    return
  }
  if (block && asked.network?.isSure !== true) {
    expect(came).toBe('network-unknown')
    return
  }
  if (block && asked.network !== undefined) link.blocked.set(asked.id, asked.network.name)
  expect(came).toMatchObject({ id: asked.id, state: asked.is === 'left' ? 'closed' : 'declined' })
  if (asked.is === 'left') return
  if (asked.is !== 'declined') logged(model, chat)
  if (asked.is === 'approved') chat.invites ??= 'members'
  asked.is = 'declined'
})

const approveUnnamed = at('approve unnamed', async ({ model, service, chat, link }) => {
  const came = await outcome(service.decide(link.id, chat.owner, undefined, 'approve'))
  const asked = chat.asked.filter((one) => one.link === link)
  const waiting = asked.filter(({ is }) => is === 'pending')
  const candidates = waiting.length > 0 ? waiting : asked.filter(({ is }) => is === 'approved')
  const [candidate] = candidates
  if (candidate === undefined || candidates.length > 1) {
    expect(came).toBe(candidate === undefined ? 'nobody-asked' : 'several-requests')
  } else approved(model, chat, candidate, came)
})

const leave = at('leave', async ({ model, service, chat, user, link }) => {
  const came = await outcome(service.leave(link.id, user))
  const own = chat.asked.find((asked) => asked.guest === user && asked.link === link)
  expect(came).toBe(own === undefined ? 'not-this-guest' : undefined)
  if (own?.is !== 'pending' && own?.is !== 'approved') return
  own.is = 'left'
  logged(model, chat)
})

const revoke = at('revoke', async ({ model, service, chat, user, link }) => {
  const came = await outcome(service.revokeLink(link.id, user))
  expect(came).toBe(user === chat.owner ? undefined : 'not-the-owner')
  if (user === chat.owner && link.ended === undefined) endLink(model, chat, link, 'revoked')
})

const close = at('close', async ({ model, service, chat, user, link }) => {
  const came = await outcome(service.closeChat(chat.id, user))
  expect(came).toBe(user === chat.owner ? undefined : 'not-the-owner')
  if (user !== chat.owner) return
  model.chats = model.chats.filter((one) => one !== chat)
  expect(await outcome(service.readMessages(chat.id, user, {}))).toBe('chat-not-found')
  expect(await outcome(service.exchange(link.id, undefined))).toBe('link-not-found')
})

const post = at('post', async ({ model, service, chat, user }) => {
  const text = `${chat.posts.length}`
  const from = senderIn(chat, user)
  const came = await outcome(service.postMessage(chat.id, user, text))
  if (from === undefined) {
    expect(came).toBe('not-a-member')
    return
  }
  logged(model, chat)
  expect(came).toMatchObject({ id: chat.lastEventId })
  chat.posts.push({ text, from })
})

const read = at('read', async ({ service, chat, user }) => {
  const came = await outcome(service.readMessages(chat.id, user, {}))
  const followed = await outcome(service.authorizeStream(chat.id, user))
  const members = await outcome(service.members(chat.id, user, true))
  const you = senderIn(chat, user)
  if (you === undefined) {
    expect([came, followed, members]).toEqual(Array(3).fill('not-a-member'))
    return
  }
  if (typeof came === 'string' || typeof members === 'string') throw new Error('a member was refused')
  const messages: { text: string; from: string }[] = JSON.parse(`[${Buffer.concat(came.first.json)}]`)
  expect(messages.map(({ text, from }) => ({ text, from }))).toEqual(chat.posts)
  expect(came).toMatchObject({ you, profile: { title: chat.title } })
  expect(followed).toMatchObject({ you })
  const known = members.members.map(({ from, until }): [string, boolean] => [from, until === null])
  const were = chat.asked.filter(({ wasIn }) => wasIn).map(({ id, is }): [string, boolean] => [id, is === 'approved'])
  expect(new Map(known)).toEqual(new Map([['owner', true], ...were]))
  expect(known).toHaveLength(were.length + 1)
  expect(came.first.upTo).toBe(chat.lastEventId)
})

const comeBack = at('come back', async ({ service, chat, user, link }) => {
  const came = await outcome(service.exchange(link.id, user))
  const own = chat.asked.find((asked) => asked.guest === user && asked.link === link)
  if (own?.is === 'pending' || own?.is === 'approved')
    expect(came).toMatchObject({ request: { id: own.id, state: own.is } })
  else if (own !== undefined) expect(came).toBe(own.is)
  else if (senderIn(chat, user) !== undefined) expect(came).toMatchObject({ is: 'inside' })
  else expect(came).toBe('not-this-guest')
})

const change = at('change', async ({ model, service, chat, user }) => {
  const title = chat.title === null ? 'A title' : null
  const came = await outcome(service.changeProfile(chat.id, user, { title }))
  expect(came).toEqual(
    user === chat.owner ? { title, ownerName: null, invites: chat.invites ?? null } : 'not-the-owner'
  )
  if (user !== chat.owner) return
  chat.title = title
  logged(model, chat)
})

it('only the owner and members read and post, and every guest learns how their request ends', async () => {
  const all = [
    knock,
    knock,
    approve,
    approve,
    decline,
    approveUnnamed,
    leave,
    revoke,
    post,
    read,
    comeBack,
    invite,
    change,
    wait
  ]
  const commands = fc.commands([...all, create, close], { size: '+1' })
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      const setup = async () => {
        const clock = { now: 0 }
        const store = memoryStore({ maxChatBytes: 1e6, maxStoreBytes: 1e7 })
        const service = createService({ store, now: () => clock.now, chatTtlMs: TTL_MS })
        const { chat, author } = await service.createChat()
        const { link } = await service.createLink(chat, author)
        const open = {
          id: link.id,
          expiresAt: Number.POSITIVE_INFINITY,
          maxGuests: Number.POSITIVE_INFINITY,
          ended: undefined,
          blocked: new Map()
        }
        const first = { id: chat, owner: author, links: [open], asked: [], ...blank(), lastEventId: 0, idleSince: 0 }
        const model: Model = { clock: { now: 0 }, chats: [first], people: [newUserId(), author] }
        return { model, real: { service, clock } }
      }
      await fc.asyncModelRun(setup, sequence)
    }),
    { numRuns: RUNS }
  )
})
