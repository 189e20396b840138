/** `owner_present`: whether the owner has a live stream, in what guests and members get at a link. */
import { describe, expect, it } from 'vitest'
import type { Store } from '../../../src/chat/store.ts'
import { memoryStore } from '../../../src/store/memory/memory-store.ts'
import { exchange } from '../../../src/wire/schemas/links.ts'
import { linkEvents } from '../../../src/wire/schemas/streams.ts'
import { ROOMY } from '../../store/contract.ts'
import { approve, call, createChat, createChatWithMember, createLink, knock } from '../../support/api.ts'
import { eventually } from '../../support/eventually.ts'
import { sharedPresence } from '../../support/presence.ts'
import { startServer } from '../../support/server.ts'
import { openReady, openStream } from '../../support/streams.ts'

/** The status, and whether the owner is present. */
async function present(link: string, user?: string): Promise<[number, boolean]> {
  const answer = await call(link, { user })
  return [answer.status, exchange.parse(await answer.json()).owner_present]
}

const untilAbsent = (link: string, user: string) =>
  eventually(async () => !(await present(link, user))[1], 'the owner is absent')

describe('owner_present', () => {
  it('is true while the owner has a stream, for a newcomer, the guest, a member and the owner', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const other = await createLink(chat, owner)
    const { client } = await knock(other)
    const all = async () => [
      await present(other),
      await present(other, client),
      await present(link, member),
      await present(other, member),
      await present(other, owner)
    ]
    const answers = (is: boolean) => [202, 202, 200, 200, 200].map((status) => [status, is])
    expect(await all()).toEqual(answers(false))
    const [first, second] = [await openReady(chat, owner), await openReady(chat, owner)]
    expect(await all()).toEqual(answers(true))
    first.close()
    await eventually(() => server.log.some((line) => line.includes('stream ended')), 'one stream has ended')
    expect(await all()).toEqual(answers(true))
    second.close()
    await untilAbsent(other, client)
    expect(await all()).toEqual(answers(false))
  })

  it('is about the owner of this chat, who follows it: not members, other owners, and other calls of the owner', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const stranger = await createChat(server)
    await openReady(chat, member)
    await openReady(stranger.chat, stranger.owner)
    await call(chat, { user: owner })
    const waiting = call(`${chat}?wait=1&after=100`, { user: owner })
    expect(await present(link)).toEqual([202, false])
    await waiting
  })

  it('with wait, is as of the answer', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const came = call(`${link}?wait=300`)
    const stream = await openStream(`${chat}/events`, { user: owner })
    await stream.until('join_request')
    await approve(link, owner)
    const answer = await came
    expect([answer.status, exchange.parse(await answer.json()).owner_present]).toEqual([200, true])
    const { client } = await knock(link)
    await stream.until('join_request')
    const left = call(`${link}?wait=1`, { user: client })
    stream.close()
    await untilAbsent(link, client)
    const late = await left
    expect([late.status, exchange.parse(await late.json()).owner_present]).toEqual([202, false])
  })

  it('is in each approval event, as of that event', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const { client } = await knock(link)
    const early = await openStream(`${link}/events`, { user: client })
    const first = await early.next()
    await openReady(chat, owner)
    const second = await (await openStream(`${link}/events`, { user: client })).next()
    await approve(link, owner)
    const third = await early.next()
    const events = linkEvents.parse([first, second, third])
    expect(events.map(({ id, data }) => [id, data.owner_present])).toEqual([
      ['pending', false],
      ['pending', true],
      ['approved', true]
    ])
  })
})

/** Two servers that share a store. */
async function twoNodes(broken: Partial<NonNullable<Store['presence']>> = {}) {
  const memory = memoryStore(ROOMY)
  const next = sharedPresence()
  const start = () => startServer({ wrap: () => ({ ...memory, presence: { ...next(), ...broken } }) })
  const [one, other] = [await start(), await start()]
  const { chat, owner } = await createChat(one)
  const link = await createLink(chat, owner)
  return { one, chat, owner, link, atOther: (url: string) => url.replace(one.url, other.url) }
}

describe('owner_present at two nodes', () => {
  it('is true wherever the stream is, and false once it has closed or its node has stopped', async () => {
    const { one, chat, owner, link, atOther } = await twoNodes()
    const { client } = await knock(atOther(link))
    const stream = await openReady(chat, owner)
    expect([await present(link, client), await present(atOther(link), client)]).toEqual(Array(2).fill([202, true]))
    stream.close()
    await untilAbsent(atOther(link), client)
    await openReady(chat, owner)
    const guest = await openStream(`${atOther(link)}/events`, { user: client })
    expect(await guest.next()).toMatchObject({ data: { state: 'pending', owner_present: true } })
    await one.close()
    expect(await present(atOther(link), client)).toEqual([202, false])
  })

  it('is what the node itself knows while the store does not answer, and delays nobody for long', async () => {
    const { chat, owner, link } = await twoNodes({ isAnnounced: () => new Promise<never>(() => {}) })
    const began = performance.now()
    expect(await present(link)).toEqual([202, false])
    expect(performance.now() - began).toBeLessThan(3000)
    await openReady(chat, owner)
    expect(await present(link)).toEqual([202, true])
  })
})
