/** Streams leak nothing. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { createChat, createLink, knock, readTexts } from '../../../support/api.ts'
import { eventually } from '../../../support/eventually.ts'
import { startServer } from '../../../support/server.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const ROUND = 300
const MAX_GROWTH_BYTES = 1_500_000

it('sockets, timers and heap do not grow over a thousand streams and waits', async () => {
  const server = await startServer({ env: { LOG_LEVEL: 'silent' } })
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const { client } = await knock(link)
  const paths = [
    `${new URL(chat).pathname}/events?user_id=${owner}`,
    `${new URL(link).pathname}/events?user_id=${client}`,
    `${new URL(chat).pathname}?wait=300&user_id=${owner}`
  ]

  // A store can have a connection for pages, which it opens for the first one and keeps.
  await readTexts(chat, owner)
  const count = (kind: string) => process.getActiveResourcesInfo().filter((name) => name === kind).length
  const base = count('TCPSocketWrap')

  /** Opens a few hundred streams, closes them, and returns the timers and bytes that are left once no socket is. */
  async function comeAndGo(): Promise<{ timers: number; heap: number }> {
    for (let opened = 0; opened < ROUND; opened += 30) {
      const sockets = Array.from({ length: 30 }, () => connect(server.port, '127.0.0.1'))
      await Promise.all(
        sockets.map(async (socket, index) => {
          socket.write(`GET ${paths[index % 3]} HTTP/1.1\r\nHost: a\r\n\r\n`)
          // A wait sends nothing yet.
          if (index % 3 < 2) await once(socket, 'data')
        })
      )
      for (const socket of sockets) socket.destroy()
      await Promise.all(sockets.map((socket) => socket.closed || once(socket, 'close')))
    }
    await eventually(() => count('TCPSocketWrap') <= base, 'no socket is left')
    collectGarbage()
    return { timers: count('Timeout'), heap: process.memoryUsage().heapUsed }
  }

  const first = await comeAndGo()
  await comeAndGo()
  const warm = await comeAndGo()
  const last = await comeAndGo()
  // A Redis client has some for a short time; those of a wait would stay for minutes.
  await eventually(() => count('Timeout') < first.timers + 3, 'no timers are left')
  expect(last.heap - warm.heap).toBeLessThan(MAX_GROWTH_BYTES)
})
