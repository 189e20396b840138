/**
 * Random commands by random people against the service, beside a model of a few lines that knows only who owns what,
 * who has asked and who was approved. Whatever the model does not foresee is a stranger let in or a message lost.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type ChatId, type LinkId, newRequestId, newUserId, type RequestId, type UserId } from '../src/ids.ts'
import { Problem, type ProblemKind } from '../src/problems.ts'
import { createService, type Service } from '../src/service.ts'
import { memoryStore } from '../src/store/memory-store.ts'

interface ModelChat {
  readonly id: ChatId
  readonly owner: UserId
  readonly links: LinkId[]
  readonly asked: { link: LinkId; guest: UserId; id: RequestId; approved: boolean }[]
  readonly texts: string[]
  lastEventId: number
}

interface Model {
  readonly chats: ModelChat[]
  /** Everybody there is: owners, guests, and one who belongs nowhere. */
  readonly people: UserId[]
}

type Command = fc.AsyncCommand<Model, Service>

/** Numbers choose among what there is at the time; they wrap around. */
const pick = <Item>(items: readonly Item[], choice: number): Item | undefined => items[choice % items.length]

async function outcome<Result>(work: Promise<Result>): Promise<Result | ProblemKind> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Problem) return error.kind
    throw error
  }
}

function mayEnter(chat: ModelChat, user: UserId): boolean {
  return user === chat.owner || chat.asked.some(({ guest, approved }) => guest === user && approved)
}

function command(name: string, choices: number[], run: (model: Model, service: Service) => Promise<void>): Command {
  return {
    check: ({ chats }) => name === 'create' || chats.length > 0,
    run: async (model, service) => {
      await run(model, service)
      for (const chat of model.chats) {
        const { lastEventId, requests } = await service.joinRequests(chat.id, chat.owner)
        expect(lastEventId).toBe(chat.lastEventId)
        expect(requests.map(({ id, state }) => [id, state])).toEqual(
          chat.asked.map(({ id, approved }) => [id, approved ? 'approved' : 'pending'])
        )
      }
    },
    toString: () => `${name}(${choices.join(', ')})`
  }
}

const create = fc.constant(
  command('create', [], async (model, service) => {
    const { chat, author } = await service.createChat()
    model.chats.push({ id: chat, owner: author, links: [], asked: [], texts: [], lastEventId: 0 })
    model.people.push(author)
  })
)

const invite = fc.tuple(fc.nat(9), fc.nat(99)).map(([c, u]) =>
  command('invite', [c, u], async (model, service) => {
    const chat = pick(model.chats, c)
    const { link } = await service.createLink(chat?.id, pick(model.people, u))
    chat?.links.push(link.id)
  })
)

const knock = fc.tuple(fc.nat(9), fc.nat(9)).map(([c, l]) =>
  command('knock', [c, l], async (model, service) => {
    const chat = pick(model.chats, c)
    const link = chat && pick(chat.links, l)
    if (chat === undefined || link === undefined) return
    const found = await service.exchange(link, undefined, null)
    if (found.is !== 'guest') throw new Error('a newcomer is let in')
    expect(model.people).not.toContain(found.client)
    expect(found.request.state).toBe('pending')
    model.people.push(found.client)
    chat.asked.push({ link, guest: found.client, id: found.request.id, approved: false })
    chat.lastEventId++
  })
)

const approve = fc.tuple(fc.nat(9), fc.nat(99), fc.nat(9), fc.nat(9)).map(([c, u, l, r]) =>
  command('approve', [c, u, l, r], async (model, service) => {
    const chat = pick(model.chats, c)
    const user = pick(model.people, u)
    const link = chat && pick(chat.links, l)
    const asked = chat && pick(chat.asked, r)
    if (chat === undefined || link === undefined || user === undefined || asked === undefined) return
    const came = await outcome(service.approve(link, user, asked.id))
    if (asked.link !== link) expect(came).toBe('request-not-found')
    else if (user !== chat.owner) expect(came).toBe('not-the-owner')
    else {
      expect(came).toMatchObject({ id: asked.id, state: 'approved' })
      if (!asked.approved) chat.lastEventId++
      asked.approved = true
    }
  })
)

const approveUnnamed = fc.tuple(fc.nat(9), fc.nat(9)).map(([c, l]) =>
  command('approve unnamed', [c, l], async (model, service) => {
    const chat = pick(model.chats, c)
    const link = chat && pick(chat.links, l)
    if (chat === undefined || link === undefined) return
    expect(await outcome(service.approve(link, chat.owner, newRequestId()))).toBe('request-not-found')
    const came = await outcome(service.approve(link, chat.owner, undefined))
    const asked = chat.asked.filter((one) => one.link === link)
    const waiting = asked.filter(({ approved }) => !approved)
    const candidates = waiting.length > 0 ? waiting : asked
    const [meant] = candidates
    if (meant === undefined || candidates.length > 1) {
      expect(came).toBe(meant === undefined ? 'nobody-asked' : 'several-requests')
      return
    }
    expect(came).toMatchObject({ id: meant.id, state: 'approved' })
    chat.lastEventId += waiting.length
    meant.approved = true
  })
)

const post = fc.tuple(fc.nat(9), fc.nat(99)).map(([c, u]) =>
  command('post', [c, u], async (model, service) => {
    const chat = pick(model.chats, c)
    const user = pick(model.people, u)
    if (chat === undefined || user === undefined) return
    const text = `${chat.texts.length}`
    const came = await outcome(service.postMessage(chat.id, user, text))
    if (!mayEnter(chat, user)) {
      expect(came).toBe('not-a-member')
      return
    }
    expect(came).toMatchObject({ id: ++chat.lastEventId })
    chat.texts.push(text)
  })
)

const read = fc.tuple(fc.nat(9), fc.nat(99)).map(([c, u]) =>
  command('read', [c, u], async (model, service) => {
    const chat = pick(model.chats, c)
    const user = pick(model.people, u)
    if (chat === undefined || user === undefined) return
    const came = await outcome(service.readMessages(chat.id, user, {}))
    const followed = await outcome(service.enterChat(chat.id, user))
    if (!mayEnter(chat, user)) {
      expect([came, followed]).toEqual(['not-a-member', 'not-a-member'])
      return
    }
    if (typeof came === 'string') throw new Error(`a member was refused: ${came}`)
    const messages: { text: string }[] = JSON.parse(`[${Buffer.from(came.page.json)}]`)
    expect(messages.map(({ text }) => text)).toEqual(chat.texts)
    expect(came.page.upTo).toBe(chat.lastEventId)
  })
)

const comeBack = fc.tuple(fc.nat(9), fc.nat(99), fc.nat(9)).map(([c, u, l]) =>
  command('come back', [c, u, l], async (model, service) => {
    const chat = pick(model.chats, c)
    const user = pick(model.people, u)
    const link = chat && pick(chat.links, l)
    if (chat === undefined || user === undefined || link === undefined) return
    const came = await outcome(service.exchange(link, user, null))
    const own = chat.asked.find((asked) => asked.guest === user && asked.link === link)
    if (own !== undefined) expect(came).toMatchObject({ is: 'guest', request: { id: own.id } })
    else if (mayEnter(chat, user)) expect(came).toMatchObject({ is: 'inside' })
    else expect(came).toBe('not-this-guest')
  })
)

it('only the owner and approved guests read and post, whatever happens; ids only rise; approval needs a request', async () => {
  const commands = fc.commands([create, invite, knock, approve, approveUnnamed, post, read, comeBack], { size: '+1' })
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      const setup = async () => {
        const store = memoryStore({ maxChatBytes: 1e6, maxStoreBytes: 1e7 })
        const real = createService({ store, now: () => 0 })
        const { chat, author } = await real.createChat()
        const { link } = await real.createLink(chat, author)
        const first = { id: chat, owner: author, links: [link.id], asked: [], texts: [], lastEventId: 0 }
        return { model: { chats: [first], people: [newUserId(), author] }, real }
      }
      await fc.asyncModelRun(setup, sequence)
    }),
    { numRuns: 100 }
  )
})
