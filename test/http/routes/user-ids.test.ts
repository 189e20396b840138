/** The names under which a user id is accepted, and which of several is used. */
import { describe, expect, it } from 'vitest'
import {
  call,
  createChat,
  createChatWithMember,
  createLink,
  knock,
  problemOf,
  refusal,
  requestsOf,
  STRANGER
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'

/** Headers that are meant for a proxy in between. */
const OTHER_SCHEMES = [
  'Basic dXNlcjpwYXNz',
  'Basic',
  'Digest username="a"',
  `Token ${STRANGER}`,
  'AWS4-HMAC-SHA256 a=b'
]

async function aDoor() {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const guest = await knock(link)
  return { server, chat, owner, link, ...guest, requests: async () => (await requestsOf(chat, owner)).length }
}

describe('in a query', () => {
  it.each(['user_id', 'author_id', 'client_id', 'clientId', 'CLIENT-ID', 'Author_Id', 'userid'])(
    '%s is the user id, so the guest is recognized and no request is recorded',
    async (name) => {
      const { chat, owner, link, client, requestId, requests } = await aDoor()
      const again = await call(`${link}?${name}=${client}&utm_source=mail`)
      expect(await again.json()).toMatchObject({ client_id: client, request_id: requestId })
      for (const path of ['', '/join-requests', '/links']) {
        expect((await call(`${chat}${path}?${name}=${owner}`)).status).toBe(200)
        expect((await call(`HEAD ${chat}${path}?${name}=${owner}`)).status).toBe(200)
      }
      const stream = await call(`${link}/events?${name}=${client}`)
      expect(stream.status).toBe(200)
      await stream.body?.cancel()
      const status = await call(`${new URL('/v1/approval', link)}?link=${link}&${name}=${STRANGER}`)
      expect(await refusal(status)).toEqual([403, 'not-this-guest'])
      expect(await requests()).toBe(1)
    }
  )

  it('several names with the same user id are accepted, and different user ids are 400', async () => {
    const { link, client, requests } = await aDoor()
    const same = await call(`${link}?user_id=${client}&client_id=${client.toUpperCase()}&authorId=${client}`)
    expect(same.status).toBe(202)
    const problem = await problemOf(await call(`${link}?client_id=${client}&author_id=${STRANGER}`))
    expect(problem).toMatchObject({
      kind: 'invalid-request',
      errors: [{ path: 'client_id' }, { path: 'author_id', message: expect.stringContaining('`client_id`') }]
    })
    expect(await requests()).toBe(1)
  })

  it.each(['', 'x', `${STRANGER}x`])('%j is 401 under every name, also beside a valid one', async (value) => {
    const { link, client, requests } = await aDoor()
    for (const name of ['user_id', 'author_id', 'client_id', 'clientId']) {
      expect(await refusal(await call(`${link}?${name}=${value}`))).toEqual([401, 'user-id-required'])
      const beside = name === 'user_id' ? 'client_id' : 'user_id'
      expect(await refusal(await call(`${link}?${name}=${value}&${beside}=${client}`))).toEqual([
        401,
        'user-id-required'
      ])
    }
    expect(await requests()).toBe(1)
  })

  it.each(['cliend_id', 'cleint_id', 'clientids', 'authr_id', 'usre_id', 'access_token', 'ownerId', 'request_id'])(
    '%s is refused at a link, because its sender would become a new guest',
    async (name) => {
      const { chat, link, client, requests } = await aDoor()
      const problem = await problemOf(await call(`${link}?${name}=${client}`))
      expect(problem).toMatchObject({ status: 400, kind: 'invalid-request', errors: [{ path: name }] })
      // If a user id is required, 401 comes first.
      const needed = await problemOf(await call(`${chat}?${name}=${client}`))
      expect(needed).toMatchObject({ status: 401, kind: 'user-id-required', errors: [{ path: name }] })
      // A valid Authorization header takes precedence over all of them.
      expect((await call(`${link}?${name}=x`, { user: client })).status).toBe(202)
      expect((await call(`${link}?${name}=x&user_id=${client}`)).status).toBe(202)
      expect(await requests()).toBe(1)
    }
  )
})

describe('in a body', () => {
  it.each(['user_id', 'author_id', 'client_id', 'authorId'])('%s is the user id', async (name) => {
    const { server, chat, owner, link } = await aDoor()
    expect((await call(chat, { json: { text: 'a', [name]: owner } })).status).toBe(201)
    expect((await call(`${server.url}/v1/approval`, { json: { link, [name]: owner } })).status).toBe(200)
    for (const user of ['', 'x', 7]) {
      const answer = await call(`${server.url}/v1/links`, { json: { chat, [name]: user } })
      expect(await refusal(answer)).toEqual([401, 'user-id-required'])
    }
  })

  it('null is ignored as in our answers, and different user ids are 400', async () => {
    const { chat, owner } = await aDoor()
    const sent = { text: 'a', user_id: owner, client_id: null }
    expect((await call(chat, { json: sent })).status).toBe(201)
    expect(await refusal(await call(chat, { json: { ...sent, user_id: null } }))).toEqual([401, 'user-id-required'])
    const problem = await problemOf(await call(chat, { json: { ...sent, author_id: STRANGER } }))
    expect(problem).toMatchObject({ status: 400, errors: [{ path: 'user_id' }, { path: 'author_id' }] })
  })

  it('of POST /v1/links is optional, so a typo in its name or a place in the query is refused', async () => {
    const { server, chat, owner } = await aDoor()
    const url = `${server.url}/v1/links`
    const slip = await problemOf(await call(url, { json: { chat, autor_id: owner } }))
    expect(slip).toMatchObject({
      status: 400,
      errors: [{ path: 'autor_id', message: expect.stringContaining('`author_id`') }]
    })
    const inQuery = await problemOf(await call(`${url}?user_id=${owner}`, { json: { chat } }))
    expect(inQuery).toMatchObject({ status: 401, detail: expect.stringContaining('JSON body') })
    const both = await call(`${url}?user_id=x`, { json: { chat, user_id: owner } })
    expect(both.status).toBe(201)
  })
})

describe('an Authorization header', () => {
  it.each(OTHER_SCHEMES)('of another scheme is ignored: %s', async (authorization) => {
    const { server, chat, owner, link, client, requests } = await aDoor()
    const headers = { authorization }
    expect(await (await call(`${link}?client_id=${client}`, { headers })).json()).toMatchObject({ client_id: client })
    expect((await call(chat, { headers, json: { text: 'x', user_id: owner } })).status).toBe(201)
    expect(await refusal(await call(chat, { headers }))).toEqual([401, 'user-id-required'])
    expect(await refusal(await call(`DELETE ${link}`, { headers }))).toEqual([401, 'user-id-required'])
    expect((await call(`${server.url}/v1/links`, { headers, json: { chat } })).status).toBe(201)
    expect(await requests()).toBe(1)
    expect((await call(link, { headers })).status).toBe(202)
    expect(await requests()).toBe(2)
  })

  it.each(['Bearer', 'bearer x', `Bearer: ${STRANGER}`, `Bearer${STRANGER}`, STRANGER, STRANGER.toUpperCase(), ''])(
    'with a malformed Bearer is 401, also beside a user id in the query: %j',
    async (authorization) => {
      const { link, client, requests } = await aDoor()
      for (const url of [link, `${link}?user_id=${client}`]) {
        expect(await refusal(await call(url, { headers: { authorization } }))).toEqual([401, 'user-id-required'])
      }
      expect(await requests()).toBe(1)
    }
  )

  it('with a Bearer takes precedence over the query', async () => {
    const { link, client } = await aDoor()
    for (const query of ['user_id=x', `user_id=${STRANGER}&client_id=${client}`, 'cliend_id=x']) {
      expect((await call(`${link}?${query}`, { user: client })).status).toBe(202)
    }
  })
})

describe('DELETE', () => {
  it('says that a user id is accepted only in the header', async () => {
    const { server } = await aDoor()
    const { chat, owner, link, member } = await createChatWithMember(server)
    for (const [target, user] of [
      [chat, owner],
      [link, owner],
      [`${link}/request`, member]
    ] as const) {
      for (const refused of [
        await call(`DELETE ${target}?author_id=${user}`),
        await call(`DELETE ${target}`, { json: { clientId: user } })
      ]) {
        const problem = await problemOf(refused)
        expect(problem).toMatchObject({ status: 401, detail: expect.stringContaining('header alone') })
      }
    }
  })
})

it('a user has one limit under all names of the user id', async () => {
  const server = await startServer({ env: { RATE_LIMIT: 'on' } })
  const { chat, owner } = await createChat(server)
  const left: number[] = []
  for (const [query, authorization] of [
    [`user_id=${owner}`],
    [`author_id=${owner}`],
    [`clientId=${owner.toUpperCase()}`],
    [`client_id=${owner}`, 'Basic dXNlcjpwYXNz'],
    ['', `Bearer ${owner}`]
  ] as const) {
    const answer = await call(`${chat}?${query}`, { headers: authorization === undefined ? {} : { authorization } })
    left.push(Number(answer.headers.get('ratelimit-remaining')))
  }
  expect(left).toEqual([1199, 1198, 1197, 1196, 1195])
})
