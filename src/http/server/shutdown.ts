/** How the server stops: it refuses new requests, ends streams, and finishes requests under way before a deadline. */
import { Server as NetServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import type { Hub } from '../../streams/hub.ts'
import { Problem } from '../../wire/problems.ts'
import { isForStream } from './stream-routes.ts'

/** How long requests under way have to finish. */
const DEADLINE_MS = 3000
const POLL_MS = 20

export const shutdown = fp<{ readonly hub: Hub }>(
  (app, { hub }, done) => {
    const { connections } = app
    let isClosing = false

    app.addHook('onRequest', (request, reply, next) => {
      if (!isClosing) next()
      else if (isForStream(request)) {
        // An EventSource stops for good when it is refused, but reconnects when its connection is lost.
        reply.hijack()
        request.raw.socket.destroy()
      } else next(new Problem('shutting-down', { headers: { connection: 'close' } }))
    })

    app.addHook('preClose', async () => {
      isClosing = true
      // A client that reconnects now must find a closed port and retry, not a refusal. Not `http.Server.close`: see below.
      NetServer.prototype.close.call(app.server)
      const deadline = performance.now() + DEADLINE_MS
      await hub.close()
      // Only now can node:http close: it considers a connection idle whose answer is complete but not yet sent, and one busy
      // that has not sent a request yet.
      while (connections.areBusy && performance.now() < deadline) await sleep(POLL_MS)
      connections.destroy()
    })
    done()
  },
  { name: 'shutdown', dependencies: ['connections', 'known-paths'] }
)
