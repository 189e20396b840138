import { once } from 'node:events'
import { expect, it } from 'vitest'
import { call, createChat, createLink, knock, refusal } from '../../../support/api.ts'
import { openSocket, parseAnswer } from '../../../support/raw.ts'
import { startServer } from '../../../support/server.ts'

it('while the server closes, requests, streams and connections are refused, and a stalled request is cut off', async () => {
  const server = await startServer()
  const { owner } = await createChat(server)
  const keptAlive = openSocket(server.port)
  const browser = openSocket(server.port)
  for (const socket of [keptAlive, browser]) {
    socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(socket, 'data')
  }
  const stalled = openSocket(server.port)
  stalled.write(
    `POST /v1/links HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${owner}\r\nContent-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n`
  )
  await once(stalled, 'data')
  const began = performance.now()
  const closing = server.close()
  browser.write('GET /v1/chats/x/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const answers: Buffer[] = []
  browser.on('data', (chunk) => answers.push(chunk))
  // Our own client requests everything so.
  keptAlive.write('POST /v1/chats HTTP/1.1\r\nHost: localhost\r\nAccept: application/json, text/event-stream\r\n\r\n')
  const [answer] = await once(keptAlive, 'data')
  const { status, headers, body } = parseAnswer(String(answer))
  expect([status, headers.get('connection'), JSON.parse(body).type]).toEqual([
    503,
    'close',
    'urn:silly-chat:shutting-down'
  ])
  await once(browser, 'close')
  expect(answers).toEqual([])
  const late = openSocket(server.port)
  await expect(once(late, 'connect')).rejects.toThrow('ECONNREFUSED')
  await closing
  expect(performance.now() - began).toBeLessThan(4500)
})

it("a guest's stream is refused while there are too many streams", async () => {
  const server = await startServer({ env: { MAX_STREAMS: '1' } })
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const { client } = await knock(link)
  const open = await fetch(`${link}/events?user_id=${client}`)
  expect(open.status).toBe(200)
  expect(await refusal(await call(`${link}/events`, { user: client }))).toEqual([503, 'too-many-streams'])
  await open.body?.cancel()
})
