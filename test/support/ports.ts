/** Ports for programs that cannot choose one themselves. */
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ephemeral ports: a client's connection could take the port of a server that is restarting. */
const PORTS = { from: 15_000, to: 30_000 }

/** A port of 127.0.0.1 on which nobody listens. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from))
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
