/** What all DELETE operations have in common. */
import { describe, expect, it } from 'vitest'
import { call, createChatWithMember, problemOf, refusal } from '../../support/api.ts'
import { rawRequest } from '../../support/raw.ts'
import { startServer, type TestServer } from '../../support/server.ts'

const ORIGIN = 'https://page.example'

/** Everything that can be deleted, smallest first, and by whom. */
async function everything(server: TestServer) {
  const { chat, owner, link, member } = await createChatWithMember(server)
  return [
    { target: `${link}/request`, user: member, allow: 'OPTIONS, DELETE' },
    { target: link, user: owner, allow: 'OPTIONS, GET, HEAD, DELETE' },
    { target: chat, user: owner, allow: 'OPTIONS, POST, GET, HEAD, PATCH, DELETE' }
  ]
}

describe('DELETE', () => {
  it('accepts the user id only in the header, and is 401 if it is in the query or the body', async () => {
    const server = await startServer()
    for (const { target, user } of await everything(server)) {
      for (const refused of [
        await call(`DELETE ${target}`),
        await call(`DELETE ${target}?user_id=${user}`),
        await call(`DELETE ${target}`, { json: { user_id: user } }),
        await call(`DELETE ${target}`, { headers: { authorization: `Basic ${user}` } }),
        await call(`DELETE ${target}`, { user: 'x' })
      ]) {
        expect(refused.headers.get('www-authenticate')).toBe('Bearer')
        expect(await refusal(refused)).toEqual([401, 'user-id-required'])
      }
      expect((await call(target.replace('/request', ''), { user })).status).toBe(200)
    }
  })

  it('needs no body, accepts one, and ignores a wrong user_id in it', async () => {
    const server = await startServer()
    for (const { target, user } of await everything(server)) {
      const answer = await call(`DELETE ${target}?user_id=x`, { user, json: { user_id: 'x' } })
      expect([answer.status, await answer.text()]).toEqual([204, ''])
    }
  })

  it('accepts an empty body of any type, and refuses everything but JSON', async () => {
    const server = await startServer()
    for (const { target, user } of await everything(server)) {
      const head = (type: string, length: number) => [
        `DELETE ${new URL(target).pathname} HTTP/1.1`,
        'Host: localhost',
        `Authorization: Bearer ${user}`,
        `Content-Type: ${type}`,
        `Content-Length: ${length}`
      ]
      expect((await rawRequest(server.port, head('text/plain', 1), 'x')).status).toBe(415)
      expect((await rawRequest(server.port, head('application/json', 1), '{')).status).toBe(400)
      expect((await rawRequest(server.port, head('text/plain', 0))).status).toBe(204)
    }
  })

  it('works with a trailing slash, and for browsers', async () => {
    const server = await startServer()
    for (const { target, user } of await everything(server)) {
      const answer = await call(`DELETE ${target}/`, { user, headers: { accept: 'text/html' } })
      expect([answer.status, await answer.text()]).toEqual([204, ''])
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
      expect(answer.headers.get('cache-control')).toBe('no-store')
    }
  })

  it('can be repeated until the chat is closed', async () => {
    const server = await startServer()
    const [request, link, chat] = await everything(server)
    for (const one of [request, request, link, link, request]) {
      expect((await call(`DELETE ${one?.target}`, { user: one?.user })).status).toBe(204)
    }
    expect((await call(`DELETE ${chat?.target}`, { user: chat?.user })).status).toBe(204)
    expect(await refusal(await call(`DELETE ${chat?.target}`, { user: chat?.user }))).toEqual([404, 'chat-not-found'])
    for (const one of [request, link]) {
      expect(await refusal(await call(`DELETE ${one?.target}`, { user: one?.user }))).toEqual([404, 'link-not-found'])
    }
  })

  it('is 404 for unknown ids, 401 without a user id, and 405 for everything else', async () => {
    const server = await startServer()
    const [, , chat] = await everything(server)
    for (const id of ['x', 'a'.repeat(36), 'a'.repeat(3000), '%00', '%zz']) {
      for (const [path, kind] of [
        [`/v1/chats/${id}`, 'chat-not-found'],
        [`/v1/links/${id}`, 'link-not-found'],
        [`/v1/links/${id}/request`, 'link-not-found']
      ] as const) {
        expect(await refusal(await call(`DELETE ${server.url}${path}`, { user: chat?.user }))).toEqual([404, kind])
        expect(await refusal(await call(`DELETE ${server.url}${path}`))).toEqual([401, 'user-id-required'])
      }
    }
    for (const path of ['/v1/chats', '/v1/links', '/v1/approval', '/v1/chats/x/links', '/v1/chats/x/join-requests']) {
      expect(await problemOf(await call(`DELETE ${server.url}${path}`))).toMatchObject({ status: 405 })
    }
  })

  it('is listed by OPTIONS, 405 and preflights', async () => {
    const server = await startServer()
    for (const { target, user, allow } of await everything(server)) {
      const options = await call(`OPTIONS ${target}`)
      expect([options.status, options.headers.get('allow')]).toEqual([204, allow])
      const wrong = await call(`PUT ${target}`)
      expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, allow])
      const preflight = await call(`OPTIONS ${target}`, {
        headers: {
          origin: ORIGIN,
          'access-control-request-method': 'DELETE',
          'access-control-request-headers': 'authorization'
        }
      })
      expect(preflight.status).toBe(204)
      expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
      expect(preflight.headers.get('access-control-allow-methods')?.split(/, */)).toContain('DELETE')
      expect(preflight.headers.get('access-control-allow-headers')).toMatch(/Authorization/)
      const answer = await call(`DELETE ${target}`, { user, headers: { origin: ORIGIN } })
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([204, '*'])
    }
  })
})
