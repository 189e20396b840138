/** A guest who is declined with `block` cannot ask again from the same network. The rules of it: test/chat/blocks.test.ts. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { call, createChat, createLink, knock, problemOf, refusal, requestsOf } from '../../support/api.ts'
import { startServer, type TestServer } from '../../support/server.ts'

const DAY = 86_400
const from = (address: string) => ({ 'x-forwarded-for': address })

async function aDoor(env: Record<string, string>) {
  const server = await startServer({ env })
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const ask = async (headers: Record<string, string> = {}) => {
    const answer = await call(link, { headers })
    const body = z.looseObject({ request_id: z.string().optional(), client_id: z.string().optional() })
    return { answer, body: body.parse(await answer.clone().json()) }
  }
  const decide = (json: object) => call(`${server.url}/v1/approval`, { user: owner, json: { link, ...json } })
  const block = (request_id: unknown) => decide({ request_id, approval_status: false, block: true })
  return { server, chat, owner, link, ask, decide, block }
}

function pass(server: TestServer, seconds: number): void {
  server.clock.now += seconds * 1000
}

describe.each(['on', 'off'])('a block (RATE_LIMIT=%s)', (RATE_LIMIT) => {
  const env = { RATE_LIMIT, TRUST_PROXY: '127.0.0.1', CHAT_TTL_SECONDS: `${10 * DAY}` }

  it('refuses the network at that link for a day, also to a HEAD, and nobody else', async () => {
    const { server, chat, owner, link, ask, block } = await aDoor(env)
    const pest = await ask(from('203.0.113.7'))
    const answer = await block(pest.body.request_id)
    expect([answer.status, await answer.json()]).toMatchObject([200, { approval_status: false, state: 'declined' }])
    expect(await refusal(await call(link, { user: pest.body.client_id }))).toEqual([403, 'declined'])

    pass(server, 60)
    const refused = await call(link, { headers: from('203.0.113.7') })
    expect(refused.headers.get('retry-after')).toBe(`${DAY - 60}`)
    expect(await refusal(refused)).toEqual([429, 'blocked'])
    const waiting = await call(`${link}?wait=1`, { headers: from('203.0.113.7') })
    expect(await refusal(waiting)).toEqual([429, 'blocked'])
    const head = await call(`HEAD ${link}`, { headers: from('203.0.113.7') })
    expect([head.status, head.headers.get('retry-after')]).toEqual([429, `${DAY - 60}`])
    expect(await requestsOf(chat, owner)).toHaveLength(1)

    expect((await ask(from('203.0.113.8'))).answer.status).toBe(202)
    expect((await call(`HEAD ${link}`, { headers: from('203.0.113.8') })).status).toBe(200)
    const other = await createLink(chat, owner)
    expect((await call(other, { headers: from('203.0.113.7') })).status).toBe(202)
    pass(server, DAY - 60)
    expect((await ask(from('203.0.113.7'))).answer.status).toBe(202)
  })

  it('holds for an IPv6 /64', async () => {
    const { link, ask, block } = await aDoor(env)
    await block((await ask(from('2001:db8:1:2::7'))).body.request_id)
    expect((await call(`HEAD ${link}`, { headers: from('2001:db8:1:2:ffff::1') })).status).toBe(429)
    expect((await call(`HEAD ${link}`, { headers: from('2001:db8:1:3::7') })).status).toBe(200)
  })

  it('is lifted by approving the request, and can follow a decline', async () => {
    const { ask, decide, block } = await aDoor(env)
    const { request_id } = (await ask(from('203.0.113.7'))).body
    await decide({ request_id, approval_status: false })
    expect((await block(request_id)).status).toBe(200)
    expect((await ask(from('203.0.113.7'))).answer.status).toBe(429)
    expect((await decide({ request_id })).status).toBe(200)
    expect((await ask(from('203.0.113.7'))).answer.status).toBe(202)
  })
})

describe('a network that cannot be told', () => {
  it.each(['x-forwarded-for', 'x-forwarded-proto', 'forwarded'])(
    'is not blocked, and nothing is decided (%s of a peer near by)',
    async (name) => {
      const { chat, owner, ask, block } = await aDoor({ TRUST_PROXY: '10.0.0.1' })
      const { request_id } = (await ask({ [name]: name === 'x-forwarded-proto' ? 'https' : 'for=203.0.113.7' })).body
      expect(await refusal(await block(request_id))).toEqual([409, 'network-unknown'])
      expect(await requestsOf(chat, owner)).toMatchObject([{ state: 'pending' }])
    }
  )

  it.each([
    ['on', from('unknown')],
    ['on', {}],
    ['127.0.0.1', {}],
    ['127.0.0.1', { 'x-forwarded-proto': 'https' }],
    ['127.0.0.1,10.0.0.0/8', from('10.1.2.3')]
  ])('is not blocked if a trusted proxy names no client (TRUST_PROXY=%s, %o)', async (TRUST_PROXY, headers) => {
    const { ask, block } = await aDoor({ TRUST_PROXY })
    const { request_id } = (await ask(headers)).body
    expect(await refusal(await block(request_id))).toEqual([409, 'network-unknown'])
  })

  it('is that of the peer without any forwarded header', async () => {
    const { link, ask, block } = await aDoor({})
    expect((await block((await ask()).body.request_id)).status).toBe(200)
    expect((await call(`HEAD ${link}`)).status).toBe(429)
    // A header that anybody can send does not help.
    expect((await call(`HEAD ${link}`, { headers: from('203.0.113.7') })).status).toBe(429)
  })

  it('is that of a request that ended more than a day ago', async () => {
    const { server, ask, decide, block } = await aDoor({ CHAT_TTL_SECONDS: `${10 * DAY}` })
    const { request_id } = (await ask()).body
    await decide({ request_id, approval_status: false })
    pass(server, DAY)
    expect(await refusal(await block(request_id))).toEqual([409, 'network-unknown'])
  })
})

it('`block` is for declining one request, and what is wrong decides nothing', async () => {
  const { owner, chat, ask, decide } = await aDoor({})
  const { request_id } = (await ask()).body
  const named = { request_id, approval_status: false }
  for (const [json, path] of [
    [{ request_id, block: true }, 'block'],
    [{ request_id, approval_status: true, block: true }, 'block'],
    [{ all: true, approval_status: false, block: true }, 'block'],
    [{ ...named, block: 'yes' }, 'block'],
    [{ ...named, note: 'two\nlines' }, 'note'],
    [{ ...named, note: 'x'.repeat(281) }, 'note'],
    [{ ...named, reason: 'x' }, 'reason']
  ] as const) {
    const problem = await problemOf(await decide(json))
    expect([json, problem.status, problem.errors?.map((one) => one.path)]).toEqual([json, 400, [path]])
  }
  expect(await requestsOf(chat, owner)).toMatchObject([{ state: 'pending' }])
  expect((await decide({ request_id, block: false, note: null })).status).toBe(200)
})

it('a guest who asks and withdraws at once can be blocked, too, and the request stays closed', async () => {
  const { chat, owner, link, ask, block, decide } = await aDoor({})
  const { request_id, client_id } = (await ask()).body
  await call(`DELETE ${link}/request`, { user: client_id })
  expect(await refusal(await decide({ request_id, approval_status: false }))).toEqual([409, 'request-closed'])
  const answer = await block(request_id)
  expect([answer.status, await answer.json()]).toMatchObject([200, { approval_status: false, state: 'closed' }])
  expect(await refusal(await call(link))).toEqual([429, 'blocked'])
  expect(await refusal(await decide({ request_id }))).toEqual([409, 'request-closed'])
  expect(await requestsOf(chat, owner)).toMatchObject([{ state: 'closed' }])
})

it('without a request_id the only one who waits is blocked', async () => {
  const { link, decide } = await aDoor({})
  await knock(link)
  expect((await decide({ approval_status: false, block: true })).status).toBe(200)
  expect(await refusal(await call(link))).toEqual([429, 'blocked'])
})
