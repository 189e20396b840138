/** Secrets and texts are never logged, at any level. */
import { expect, it } from 'vitest'
import { approve, call, createChat, createLink, idIn, knock, post, readTexts } from '../../support/api.ts'
import { exchangeBytes } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'
import { openReady, openStream } from '../../support/streams.ts'

it('no message and no secret is logged, even at trace', async () => {
  const server = await startServer({
    wrap: (store) => ({
      ...store,
      messages: async (tag, after, page) => {
        if (page?.limit !== 666) return store.messages(tag, after, page)
        const { door } = (await store.load(tag)) ?? {}
        throw Object.assign(new TypeError(`cannot read ${door?.chat} of ${door?.owner}`), { input: door?.chat })
      }
    })
  })
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const guest = await knock(link, 'Anastasia')
  const streams = [
    await openStream(`${chat}/events?user_id=${owner}`, { user: owner }),
    await openStream(`${link}/events`, { user: guest.client })
  ]
  await approve(link, owner)
  await post(chat, guest.client, 'the treasure is under the oak')
  expect(await readTexts(chat, owner)).toHaveLength(1)

  expect((await call(`${chat}?limit=666`, { user: owner })).status).toBe(500)
  const json = '{"text":"under the oak", broken'
  await fetch(chat, { method: 'POST', headers: { 'content-type': 'application/json' }, body: json })
  await call(chat, { user: owner, json: { text: ['under the oak'] } })
  await call(`${chat}/nowhere`, { user: owner })
  await call(`PUT ${chat}?user_id=${owner}`)
  await call(`${chat}%zz`, { headers: { cookie: owner, referer: chat, 'user-agent': chat, 'x-request-id': owner } })
  await exchangeBytes(server.port, `GET ${chat} HTTP/1.1\r\nHost: ${owner}\r\n${guest.client}\r\n\r\n`)
  await exchangeBytes(server.port, `GET ${chat} HTTP/9.1\r\n\r\n`)
  for (const stream of streams) stream.close()
  await server.close()

  const log = server.log.join('')
  const secrets = [idIn(chat), idIn(link), owner, guest.client, 'treasure', 'oak', 'Anastasia', guest.requestId]
  for (const secret of secrets) expect(log).not.toContain(secret)
  expect(log).toContain('"route":"/v1/chats/:chat"')
  expect(log).toContain('"err":{"type":"TypeError","message":""')
})

it('a request is logged with its method, route, status and time', async () => {
  const server = await startServer()
  await call(`POST ${server.url}/v1/chats`)
  await server.close()
  const line = server.log.map((one) => JSON.parse(one)).find(({ route }) => route === '/v1/chats')
  expect(line).toMatchObject({ level: 30, method: 'POST', status: 201, ms: expect.any(Number) })
})

it('nothing is logged at the level silent', async () => {
  const server = await startServer({ env: { LOG_LEVEL: 'silent' } })
  await createChat(server)
  expect(server.log).toEqual([])
})

it('the end of a stream is logged with its route', async () => {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  await openReady(chat, owner)
  await server.close()
  const line = server.log.map((one) => JSON.parse(one)).find(({ msg }) => msg === 'stream ended')
  expect(line).toMatchObject({ method: 'GET', route: '/v1/chats/:chat/events', ms: expect.any(Number) })
})
