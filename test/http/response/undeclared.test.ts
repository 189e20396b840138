/** A refusal that its route does not declare is logged, and fails the test that caused it. */
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import type { Store } from '../../../src/chat/store.ts'
import { addValidation } from '../../../src/http/request/validation.ts'
import { problems, UNDECLARED } from '../../../src/http/response/error-handler.ts'
import { Problem } from '../../../src/wire/problems.ts'
import { emptyAnswer } from '../../../src/wire/schemas/answers.ts'
import { problemResponses } from '../../../src/wire/schemas/problems.ts'
import { approve, call, createChatWithWaiting, knock, refusal } from '../../support/api.ts'
import { startServer } from '../../support/server.ts'

describe('a problem', () => {
  it.each([
    ['declined', []],
    ['left', [{ level: 50, msg: UNDECLARED, method: 'GET', route: '/v1/:link', kind: 'left' }]],
    // Another declared problem with the same status is not enough …
    ['not-this-guest', [{ msg: UNDECLARED, kind: 'not-this-guest' }]],
    // … and every route can have these.
    ['overloaded', []],
    ['rate-limited', []]
  ] as const)('%s is logged as an error if its route does not declare it', async (kind, logged) => {
    const log: unknown[] = []
    const app = Fastify({ logger: { level: 'error', stream: { write: (line) => log.push(JSON.parse(line)) } } })
    addValidation(app)
    await app.register(problems, { notFoundPage: { html: '', headers: {} } })
    const response = { 204: emptyAnswer('Nothing.'), ...problemResponses('declined', 'not-found') }
    app.get('/v1/:link', { schema: { response } }, async () => {
      throw new Problem(kind)
    })
    const answer = await app.inject('/v1/secret')
    expect(answer.json()).toMatchObject({ type: `urn:silly-chat:${kind}` })
    expect(log).toMatchObject(logged)
    expect(JSON.stringify(log)).not.toContain('secret')
  })

  it('needs no declaration if there is no route', async () => {
    const server = await startServer()
    expect(await refusal(await call(`${server.url}/nowhere`))).toEqual([404, 'not-found'])
    expect(await refusal(await call(`PUT ${server.url}/v1/chats`))).toEqual([405, 'method-not-allowed'])
    expect(server.log.join()).not.toContain(UNDECLARED)
  })
})

it('a request at a link whose chat is removed meanwhile is link-not-found', async () => {
  let isRemoved = false
  const server = await startServer({
    wrap: (store: Store) => ({
      ...store,
      commit: async (...args) => (isRemoved ? 'gone' : store.commit(...args))
    })
  })
  const { chat, owner, link, ana } = await createChatWithWaiting(server)
  isRemoved = true
  for (const answer of [
    await call(link),
    await approve(link, owner, ana.requestId),
    await call(`DELETE ${link}`, { user: owner }),
    await call(`DELETE ${link}/request`, { user: ana.client })
  ]) {
    expect(await refusal(answer)).toEqual([404, 'link-not-found'])
  }
  const made = await call(`${server.url}/v1/links`, { json: { chat } })
  expect(await refusal(made)).toEqual([404, 'chat-not-found'])
  isRemoved = false
  await knock(link)
})
