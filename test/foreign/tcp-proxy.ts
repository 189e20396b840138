/** A wire between clients and a server that can be cut, and a port that stays while servers come and go. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface TcpProxy {
  /** The base of URLs that lead through it. */
  readonly url: string
  readonly port: number
  /** Waits for a new connection. */
  nextConnection(): Promise<void>
  /** Resets every connection. */
  cut(): void
  /** Lets pass what the server sends next but for its last three bytes, and ends that connection. */
  cutShort(): Promise<void>
  /** Resets every connection and refuses new ones, as a port does behind which nobody listens. */
  down(): Promise<void>
  /** Takes connections, but passes nothing on: what stands in between has lost its way. */
  hold(): void
  /** Takes connections again, for the server on this port; those that were held are lost. */
  up(target: number): Promise<void>
}

/** Has every client come back after the shortest time that the server may say, so that tests need not wait longer. */
function backSoon(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replace(/^retry: \d{4}$/m, 'retry: 1000'), 'latin1')
}

/** Listens on this port of 127.0.0.1, or on any that is free for 0, and gives the port. */
export async function listenOn(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('listens on no port')
  return address.port
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  let server = target
  let isHeld = false
  let onCutShort: (() => void) | undefined
  const sockets = new Set<Socket>()

  function own(socket: Socket): Socket {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    return socket
  }

  const listener = createServer((accepted) => {
    const client = own(accepted)
    const upstream = own(connect({ port: server, host: '127.0.0.1' }))
    client.on('data', (bytes) => isHeld || upstream.write(bytes))
    upstream.on('data', (sent) => {
      if (isHeld) return
      const bytes = backSoon(sent)
      if (onCutShort === undefined) {
        client.write(bytes)
        return
      }
      onCutShort()
      onCutShort = undefined
      upstream.destroy()
      client.end(bytes.subarray(0, -3))
    })
    upstream.on('end', () => client.end())
    client.on('close', () => upstream.destroy())
  })

  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  const down = async () => {
    if (!listener.listening) return
    const closed = once(listener, 'close')
    listener.close()
    cut()
    await closed
  }

  const port = await listenOn(listener, 0)
  onTestFinished(down)
  return {
    url: `http://localhost:${port}`,
    port,
    nextConnection: async () => void (await once(listener, 'connection')),
    cut,
    cutShort: () =>
      new Promise((resolve) => {
        onCutShort = resolve
      }),
    down,
    hold: () => {
      isHeld = true
    },
    up: async (next) => {
      server = next
      if (isHeld) cut()
      isHeld = false
      if (!listener.listening) await listenOn(listener, port)
    }
  }
}
