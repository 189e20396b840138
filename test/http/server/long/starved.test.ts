/** A server without free file descriptors loads later what it could not load. */
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { startBuilt } from '../../../support/built-server.ts'

const LIMIT = 150

it('the page and the docs are served once there are file descriptors again', async () => {
  const server = await startBuilt({ env: {}, command: ['bash', '-c', `ulimit -n ${LIMIT}; exec node "$0"`] })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  /** Over the only connection. */
  const ask = async (path: string): Promise<{ status: number | undefined; body: string }> => {
    const [answer]: IncomingMessage[] = await once(get(server.url + path, { agent }), 'response')
    let body = ''
    for await (const chunk of answer?.setEncoding('utf8') ?? []) body += chunk
    return { status: answer?.statusCode, body }
  }
  const asset = /\/assets\/[^"]+\.js/.exec((await ask('/')).body)?.[0] ?? ''
  const sockets = Array.from({ length: 2 * LIMIT }, () => connect(Number(new URL(server.url).port), '127.0.0.1'))
  for (const socket of sockets) socket.on('error', () => undefined).resume()
  // A connection without a descriptor is closed: from then on the others hold all of them.
  await Promise.race(sockets.map((socket) => once(socket, 'close')))
  // Answers from memory need no file.
  expect((await ask('/docs/json')).status).toBe(200)
  expect((await ask(asset)).status).toBe(500)

  for (const socket of sockets) socket.destroy()
  for (const path of [asset, '/docs', '/docs/json']) {
    await expect.poll(async () => (await ask(path)).status, { timeout: 5000 }).toBe(200)
  }
})
