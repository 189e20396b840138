/** Connections on which nothing happens: which of them are ended, and which are not. */
import { EventEmitter } from 'node:events'
import { createServer, type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Connections } from '../../../src/http/server/connections.ts'

/** A connection whose client has taken `taken` of `written` bytes. */
class FakeSocket extends EventEmitter {
  destroyed = false
  timeout: number | undefined
  readonly bytes = { written: 0, taken: 0 }

  get bytesWritten(): number {
    return this.bytes.written
  }

  get writableLength(): number {
    return this.bytes.written - this.bytes.taken
  }

  setTimeout(ms: number): void {
    this.timeout = ms
  }

  destroy(): void {
    this.destroyed = true
  }
}

function aConnection() {
  const server = createServer()
  const connections = new Connections(server)
  const fake = new FakeSocket()
  const socket = fake as unknown as Socket
  server.emit('connection', socket)
  const ask = (): ServerResponse => {
    const request = { socket, complete: true } as unknown as IncomingMessage
    const response = new ServerResponse(request)
    Object.defineProperty(response, 'req', { value: request })
    server.emit('request', request, response)
    return response
  }
  return { connections, fake, socket, ask, isSilent: () => connections.onSilent(socket) }
}

describe('a silent connection', () => {
  it('is ended if its client has taken nothing of an answer at two looks', () => {
    const { fake, ask, isSilent } = aConnection()
    ask()
    fake.bytes.written = 1000
    isSilent()
    expect([fake.destroyed, fake.timeout]).toEqual([false, 15_000])
    isSilent()
    expect(fake.destroyed).toBe(true)
  })

  it('stays if its client takes something, however little', () => {
    const { fake, ask, isSilent } = aConnection()
    ask()
    fake.bytes.written = 1000
    for (let look = 0; look < 5; look++) {
      isSilent()
      fake.bytes.taken++
    }
    expect(fake.destroyed).toBe(false)
  })

  it('stays while a request waits for its answer, or before the first request', () => {
    const { fake, ask, isSilent } = aConnection()
    isSilent()
    ask()
    for (let look = 0; look < 5; look++) isSilent()
    expect(fake.destroyed).toBe(false)
  })

  it('is ended if it is kept alive for nothing, and stays if it carries a stream', () => {
    const idle = aConnection()
    const response = idle.ask()
    Object.defineProperty(response, 'writableFinished', { value: true })
    response.emit('close')
    idle.isSilent()
    expect(idle.fake.destroyed).toBe(true)

    const stream = aConnection()
    stream.connections.becomesStream(stream.socket, stream.ask())
    stream.isSilent()
    expect([stream.fake.destroyed, stream.fake.timeout]).toEqual([false, 0])
  })
})
