/** How the server ends: no new work, streams ended, requests under way finished, and never later than a deadline. */
import { Server as NetServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Hub } from '../../streams/hub.ts'
import { Problem } from '../../wire/problems.ts'
import type { Connections } from './connections.ts'
import { isForStream } from './stream-routes.ts'

/** What requests under way have to finish, in milliseconds. */
const DEADLINE_MS = 3000
const POLL_MS = 20

export function addShutdown(app: FastifyInstance, hub: Hub, connections: Connections): void {
  let closing = false

  app.addHook('onRequest', (request, reply, done) => {
    if (!closing) done()
    else if (isForStream(request)) {
      // An EventSource gives up for good when it is refused, but comes back when its connection is lost.
      reply.hijack()
      request.raw.socket.destroy()
    } else done(new Problem('shutting-down', { headers: { connection: 'close' } }))
  })

  app.addHook('preClose', async () => {
    closing = true
    // Whoever comes back now shall meet a closed port and try again, not a refusal. Not `http.Server.close`: see below.
    NetServer.prototype.close.call(app.server)
    const deadline = performance.now() + DEADLINE_MS
    await hub.close()
    // Only then may node:http close: it takes a connection for idle whose answer is complete but not yet sent, and one
    // that was opened ahead of need for busy.
    while (connections.areBusy && performance.now() < deadline) await sleep(POLL_MS)
    connections.destroy()
  })
}
