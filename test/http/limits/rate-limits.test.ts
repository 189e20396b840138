/** Clients that send too many requests are refused for a while, and nobody else is. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MAX_WAITING_PER_NETWORK } from '../../../src/chat/changes.ts'
import { newUserId } from '../../../src/chat/ids.ts'
import { RATE_LIMITS } from '../../../src/http/limits/rate-limits.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  knock,
  post,
  requestsOf
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'
import { openReady, openStream } from '../../support/streams.ts'

const on = { RATE_LIMIT: 'on', TRUST_PROXY: 'on' }
const from = (address: string) => ({ 'x-forwarded-for': address })
const create = ({ url }: { url: string }, address?: string) =>
  call(`POST ${url}/v1/chats`, address === undefined ? {} : { headers: from(address) })

/** The answer to the last of `count` requests; none of the others may be refused with 429. */
async function lastOf(count: number, ask: (index: number) => Promise<Response>): Promise<Response> {
  for (let index = 1; index < count; index++) expect((await ask(index)).status).not.toBe(429)
  return await ask(count)
}

async function kindOf(answer: Response): Promise<string> {
  return `${(await answer.text()).match(/urn:silly-chat:([a-z-]+)/)?.[1]}`
}

describe('a limit', () => {
  it('refuses further requests, with the standard headers and Retry-After', async () => {
    const server = await startServer({ env: on })
    const first = await create(server)
    const max = RATE_LIMITS['create-chat'].own
    expect(first.headers.get('ratelimit-limit')).toBe(`${max}`)
    expect(first.headers.get('ratelimit-remaining')).toBe(`${max - 1}`)
    expect(Number(first.headers.get('ratelimit-reset'))).toBeGreaterThan(50)
    const refused = await lastOf(max, () => create(server))
    expect([refused.status, await kindOf(refused)]).toEqual([429, 'rate-limited'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect(refused.headers.get('ratelimit-remaining')).toBe('0')
    expect((await create(server, '203.0.113.9')).status).toBe(201)
  })

  it('counts each user, so that an office behind one address can work', async () => {
    const server = await startServer({ env: on })
    const { chat, owner, member } = await createChatWithMember(server)
    const stream = (user: string) => call(`${chat}/events`, { user, headers: { 'last-event-id': '0' } })
    const refused = await lastOf(RATE_LIMITS.stream.own + 1, () => stream(newUserId()))
    // Unknown ids, too, have a limit each.
    expect(refused.status).toBe(403)
    const opened = await lastOf(RATE_LIMITS.stream.own + 1, async () => {
      const answer = await stream(member)
      if (answer.status === 200) await answer.body?.cancel()
      return answer
    })
    expect([opened.status, await kindOf(opened)]).toEqual([429, 'rate-limited'])
    const other = await stream(owner)
    expect(other.status).toBe(200)
    await other.body?.cancel()
  })

  it('is checked before the body, and not at all for unknown paths', async () => {
    const server = await startServer({ env: on })
    const createAsText = () =>
      call(`POST ${server.url}/v1/chats`, { headers: { 'content-type': 'text/plain' }, json: 'x' })
    expect((await lastOf(RATE_LIMITS['create-chat'].own, createAsText)).status).toBe(415)
    expect((await createAsText()).status).toBe(429)
    expect((await call(`POST ${server.url}/v1/nowhere`)).status).toBe(404)
    expect((await call(`DELETE ${server.url}/v1/chats`)).status).toBe(405)
    expect((await call(`${server.url}/health`)).status).toBe(200)
  })

  it('cannot be used up by a client that sends the key of another', async () => {
    const server = await startServer({ env: on })
    const max = RATE_LIMITS['create-chat'].own
    const spelled = `POST ${server.url}/v1/chats?user_id=${encodeURIComponent('at  from 203.0.113.9')}`
    await lastOf(max, () => call(spelled, { headers: from('198.51.100.7') }))
    for (const authorization of ['203.0.113.9', 'Bearer 203.0.113.9', ' 203.0.113.9']) {
      await call(`POST ${server.url}/v1/chats`, { headers: { ...from('198.51.100.8'), authorization } })
    }
    const answer = await create(server, '203.0.113.9')
    expect([answer.status, answer.headers.get('ratelimit-remaining')]).toEqual([201, `${max - 1}`])
  })

  it('counts a user id once, in every spelling and every place', async () => {
    const server = await startServer({ env: on })
    const { chat, owner } = await createChat(server)
    const spellings = [
      () => call(chat, { headers: { authorization: `Bearer ${owner}` } }),
      () => call(chat, { headers: { authorization: `bearer   ${owner.toUpperCase()}` } }),
      () => call(`${chat}?user_id=${owner}`),
      () => call(`${chat}?user_id=nobody`, { headers: { authorization: `Bearer ${owner}` } })
    ]
    const left: number[] = []
    for (const ask of spellings) left.push(Number((await ask()).headers.get('ratelimit-remaining')))
    expect(left).toEqual([1199, 1198, 1197, 1196])
    // An id that is ignored has no counter either.
    const posted = await call(`${chat}?user_id=${newUserId()}`, { json: { text: 'x', user_id: owner } })
    const again = await call(`${chat}?user_id=${newUserId()}`, { json: { text: 'x', user_id: owner } })
    expect([posted, again].map(({ headers }) => headers.get('ratelimit-remaining'))).toEqual(['599', '598'])
  })

  it('counts each /64 as one network', async () => {
    const server = await startServer({ env: on })
    const max = RATE_LIMITS['create-chat'].network
    expect((await lastOf(max + 1, (index) => create(server, `2001:db8:0:1::${index.toString(16)}`))).status).toBe(429)
    expect((await create(server, '2001:db8:0:2::1')).status).toBe(201)
    expect((await create(server, '::ffff:203.0.113.1')).status).toBe(201)
  })

  it('is the same as in README.md', () => {
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
    const table = readme.slice(readme.indexOf('| a minute |'))
    const rows = [...table.slice(0, table.indexOf('\n\n')).matchAll(/^\| [a-z].*? \| ([\d,]+) \| ([\d,]+) \|/gm)]
    const shown = rows.map(([, ...cells]) => cells.map((cell) => Number(cell.replace(',', ''))))
    expect(shown).toEqual(Object.values(RATE_LIMITS).map(({ own, network }) => [own, network]))
  })

  it('does not exist if RATE_LIMIT is off', async () => {
    const server = await startServer({ env: { RATE_LIMIT: 'off' } })
    const answer = await lastOf(RATE_LIMITS['create-chat'].own + 5, () => create(server))
    expect([answer.status, answer.headers.get('ratelimit-limit')]).toEqual([201, null])
  })
})

describe('the places at a link', () => {
  it('cannot be used up by one network', async () => {
    const server = await startServer({ env: on })
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const flood = (address: string) => call(link, { headers: from(address) })
    const refused = await lastOf(MAX_WAITING_PER_NETWORK + 1, () => flood('198.51.100.7'))
    expect([refused.status, await kindOf(refused)]).toEqual([429, 'too-many-waiting'])
    const guest = await call(link, { headers: from('203.0.113.5') })
    expect(guest.status).toBe(202)
    // A decision of the owner makes room for that network, too.
    const [first] = await requestsOf(chat, owner)
    await approve(link, owner, first?.request_id)
    expect((await flood('198.51.100.7')).status).toBe(202)
  })

  it('are counted for each link, and no address is kept in the requests', async () => {
    const server = await startServer({ env: on })
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    await call(link, { headers: from('198.51.100.7') })
    const { client, requestId } = await knock(link)
    await approve(link, owner, requestId)
    const found = await (await call(`${chat}/join-requests`, { user: owner })).text()
    expect(found).not.toContain('source')
    expect(found).not.toContain('198.51')
    expect((await call(link, { user: client })).status).toBe(200)
  })
})

describe('streams and waits of one user', () => {
  it('are sixteen at most, and the end of one makes room', async () => {
    const server = await startServer({ env: on })
    const { chat, owner, link, member } = await createChatWithMember(server)
    const streams = await Promise.all(Array.from({ length: 15 }, () => openStream(`${chat}/events`, { user: member })))
    const wait = call(`${chat}?wait=300`, { user: member })
    for (const stream of streams) await stream.until('ready')
    // The wait has begun once one more stream is refused.
    let refused = await call(`${chat}/events`, { user: member })
    while (refused.status === 200) {
      await refused.body?.cancel()
      refused = await call(`${chat}/events`, { user: member })
    }
    expect([refused.status, await kindOf(refused)]).toEqual([429, 'too-many-own-streams'])
    expect(refused.headers.get('retry-after')).not.toBeNull()
    const unknown = `${server.url}/v1/links/${'x'.repeat(36)}?wait=5`
    expect((await call(unknown, { user: member })).status).toBe(404)
    expect((await call(`${link}?wait=5`, { user: member })).status).toBe(200)
    await openReady(chat, owner)
    await post(chat, owner, 'hello')
    expect((await wait).status).toBe(200)
    const again = await openStream(`${chat}/events`, { user: member })
    expect(again.response.status).toBe(200)
  })
})
