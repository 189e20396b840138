/** How the server ends: no new work, streams ended, requests under way finished, and never later than a deadline. */
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { Problem } from '../problems.ts'
import type { Hub } from '../streams/hub.ts'

/** What requests under way have to finish, in milliseconds. */
const DEADLINE_MS = 3000
/** How often connections that have become idle are looked for, in milliseconds. */
const SWEEP_MS = 50

export function addShutdown(app: FastifyInstance, hub: Hub): void {
  const { server } = app
  /** Browsers open connections ahead of need; node:http would wait for these as for requests. */
  const unused = new Set<Socket>()
  server.on('connection', (socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  server.on('request', ({ socket }) => unused.delete(socket))

  let closing = false
  app.addHook('onRequest', (_request, _reply, done) => {
    done(closing ? new Problem('shutting-down', { headers: { connection: 'close' } }) : undefined)
  })
  app.addHook('preClose', async () => {
    closing = true
    const sweep = setInterval(() => {
      server.closeIdleConnections()
      for (const socket of unused) socket.destroy()
    }, SWEEP_MS).unref()
    const deadline = setTimeout(() => server.closeAllConnections(), DEADLINE_MS).unref()
    server.once('close', () => {
      clearInterval(sweep)
      clearTimeout(deadline)
    })
    await hub.close()
  })
}
