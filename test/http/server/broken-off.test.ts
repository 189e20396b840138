/** A client that disconnects is not a fault of the server: over real sockets that are reset. */
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { call, createChat } from '../../support/api.ts'
import { METRICS, scrape } from '../../support/metrics.ts'
import { openSocket } from '../../support/raw.ts'
import { startServer, type TestServer } from '../../support/server.ts'

const FORWARDED = 'X-Forwarded-For: 203.0.113.7'
const POST = `POST /v1/chats HTTP/1.1\r\nHost: a\r\n${FORWARDED}\r\n\r\n`

/** Sends, resets the connection at once, and resolves when the server has seen its end. */
async function sendAndReset(server: TestServer, sent: string): Promise<void> {
  const seen = new Promise<void>((resolve) => {
    server.app.server.once('connection', (socket) => socket.once('close', () => resolve()))
  })
  const socket = openSocket(server.port)
  await once(socket, 'connect')
  socket.write(sent, () => socket.resetAndDestroy())
  await seen
}

function linesOf({ log }: TestServer) {
  const line = z.looseObject({ level: z.int(), msg: z.string(), status: z.int().optional() })
  return log.map((one) => line.parse(JSON.parse(one)))
}

/** A request that is handled before the reset is noticed is completed. */
const ENDINGS = ['request broken off 499', 'request completed 201']

it.each([
  ['alone', 1],
  ['pipelined', 5]
])(
  'a request whose client has reset the connection (%s) is logged as broken off, without an error or a warning',
  async (_, count) => {
    const env = { RATE_LIMIT: 'on', ...METRICS }
    const server = await startServer({ env })
    for (let index = 0; index < 8; index++) await sendAndReset(server, POST.repeat(count))
    const lines = linesOf(server)
    const ends = lines.filter(({ status }) => status !== undefined).map(({ msg, status }) => `${msg} ${status}`)
    expect(ends.length).toBe(8 * count)
    expect(ends.filter((end) => !ENDINGS.includes(end))).toEqual([])
    expect(ends).toContain(ENDINGS[0])
    expect(lines.filter(({ level, msg }) => level > 30 && !msg.includes('TRUST_PROXY'))).toEqual([])
    const { text: metrics } = await scrape(server)
    expect(metrics).toMatch(/requests_total\{method="POST",route="\/v1\/chats",status="499"\} [1-9]/)
    expect(metrics).not.toContain('status="500"')
  }
)

it('a peer without an address does not use up the warning about untrusted proxies', async () => {
  const server = await startServer()
  for (let index = 0; index < 5; index++) await sendAndReset(server, POST)
  await call(server.url, { headers: { 'x-forwarded-for': '203.0.113.7' } })
  const warnings = linesOf(server).filter(({ level }) => level === 40)
  expect(warnings).toEqual([expect.objectContaining({ peer: '127.0.0.1' })])
})

it('a request that waits is logged as broken off once if its client disconnects', async () => {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  const path = `${new URL(chat).pathname}?wait=60`
  const ask = `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${owner}\r\n\r\n`
  await sendAndReset(server, ask.repeat(3))
  await call(chat, { user: owner })
  await server.close()
  const ends = linesOf(server).filter(({ route }) => route === '/v1/chats/:chat')
  expect(ends.map(({ msg, status }) => `${msg} ${status}`)).toEqual([
    ...Array(3).fill('request broken off 499'),
    'request completed 200'
  ])
})
