/**
 * Counts how much work a message, a reader, an answer and an idle stream cause. Unlike times, these numbers are the same on
 * every machine. A change that increases one of them should be deliberate.
 */
import { type IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { newDoor } from '../../src/chat/changes.ts'
import { digestOf, newChatId, newUserId, tagOf, type UserId } from '../../src/chat/ids.ts'
import { ChatLog } from '../../src/store/memory/chat-log.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { Hub } from '../../src/streams/hub.ts'
import { tagIn } from '../store/contract/support.ts'
import { ROOMY } from '../store/contract.ts'
import { createChat, post } from '../support/api.ts'
import { ChunkReader } from '../support/chunked.ts'
import { eventually } from '../support/eventually.ts'
import { sharedPresence } from '../support/presence.ts'
import { startServer } from '../support/server.ts'
import { TestSink } from '../support/sink.ts'
import { openStream } from '../support/streams.ts'

/** Records the chunks that it receives. */
class ChunkSink extends TestSink {
  readonly chunks: Uint8Array[] = []

  override _write(chunk: Buffer, encoding: string, done: () => void): void {
    this.chunks.push(chunk)
    super._write(chunk, encoding, done)
  }
}

/** Counts the calls of the methods of a store, or of a part of it. */
function counting<Part extends object>(store: Part, calls: Record<string, number>): Part {
  return new Proxy(store, {
    get(target, name, receiver) {
      calls[String(name)] = (calls[String(name)] ?? 0) + 1
      return Reflect.get(target, name, receiver)
    }
  })
}

async function aChatWith(readers: number) {
  const calls: Record<string, number> = {}
  const presence = counting(sharedPresence()(), calls)
  const store = counting({ ...memoryStore(ROOMY), presence }, calls)
  const user: UserId = newUserId()
  const chat = newChatId()
  await store.create(newDoor(chat, digestOf(user), 0))
  const hub = new Hub({
    store,
    applyDueExpiries: async () => undefined,
    heartbeatMs: 60_000,
    maxBufferBytes: 1_000_000,
    onFault: () => {}
  })
  onTestFinished(() => hub.close())
  const sinks = Array.from({ length: readers }, () => {
    const sink = new ChunkSink()
    hub.openChatStream(sink, tagOf(chat), {
      user,
      isOwner: true,
      base: 'http://localhost',
      isChunked: true,
      cursor: undefined
    })
    return sink
  })
  const allReceive = (wanted: string) =>
    eventually(() => sinks.every(({ text }) => text.includes(wanted)), `every reader receives "${wanted}"`)
  await allReceive('event: ready')
  for (const sink of sinks) sink.chunks.length = 0
  for (const name of Object.keys(calls)) delete calls[name]
  return {
    sinks,
    allReceive,
    calls,
    post: (text: string) => store.append(tagOf(chat), 0, { from: 'owner', text, createdAt: 0 })
  }
}

describe('sending 16 messages to 300 readers', () => {
  it('needs one write each, of the same bytes, which are encoded once', async () => {
    const { sinks, post, allReceive, calls } = await aChatWith(300)
    const stringify = vi.spyOn(JSON, 'stringify')
    const encode = vi.spyOn(Buffer, 'from')
    onTestFinished(() => void vi.restoreAllMocks())
    await Promise.all(Array.from({ length: 15 }, (_, index) => post(`${index}`)))
    await post('the end')
    await allReceive('the end')
    expect(stringify.mock.calls).toHaveLength(16)
    expect(encode.mock.calls).toHaveLength(1)
    const [first] = sinks.map(({ chunks }) => chunks[0])
    for (const { chunks } of sinks) {
      expect(chunks).toHaveLength(1)
      expect(chunks[0]?.buffer).toBe(first?.buffer)
      expect(chunks[0]?.byteOffset).toBe(first?.byteOffset)
    }
    expect(new ChunkReader().feed(Buffer.from(first ?? [])).chunks).toHaveLength(1)
    // Readers that have caught up do not read the log.
    expect(calls).toEqual({ append: 16 })
  })
})

describe('a post', () => {
  it('needs one look-up, one append and one write of the answer', async () => {
    const calls: Record<string, number> = {}
    const server = await startServer({ wrap: (store) => counting(store, calls) })
    const { chat, owner } = await createChat(server)
    await post(chat, owner, 'first')
    for (const name of Object.keys(calls)) delete calls[name]
    const writes = writesOf(server.port)
    await post(chat, owner, 'second')
    expect(calls).toEqual({ cached: 1, append: 1 })
    expect(writes()).toBe(1)
  })

  it('is answered together with the other posts of its turn', async () => {
    const order: string[] = []
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const append = server.store.append
    vi.spyOn(server.store, 'append').mockImplementation((...all) => {
      order.push('logged')
      return append(...all)
    })
    const end = ServerResponse.prototype.end
    vi.spyOn(ServerResponse.prototype, 'end').mockImplementation(function (this: ServerResponse, ...all) {
      order.push('answered')
      return Reflect.apply(end, this, all)
    })
    onTestFinished(() => void vi.restoreAllMocks())
    const inject = (text: string) =>
      server.app.inject({
        method: 'POST',
        url: new URL(chat).pathname,
        headers: { authorization: `Bearer ${owner}`, host: 'localhost' },
        payload: { text }
      })
    await Promise.all(['a', 'b', 'c', 'd'].map(inject))
    expect(order).toEqual([...Array(4).fill('logged'), ...Array(4).fill('answered')])
  })
})

it('a log of megabytes is not copied as it grows', () => {
  const log = new ChatLog()
  const grow = (bytes: number) => {
    const until = log.messageBytes + bytes
    while (log.messageBytes < until) log.addMessage({ from: 'owner', text: 'x'.repeat(120), createdAt: 0 }, 1e9)
  }
  grow(2_000_000)
  const alloc = vi.spyOn(Buffer, 'allocUnsafeSlow')
  onTestFinished(() => alloc.mockRestore())
  grow(2_000_000)
  const allocated = alloc.mock.calls.reduce((sum, [size]) => sum + size, 0)
  expect(allocated).toBeLessThan(2_400_000)
})

describe('reading a history', () => {
  it('sends the bytes of the log without copying them or encoding messages', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    for (let count = 0; count < 20; count++) await post(chat, owner, 'x'.repeat(100))
    const page = await server.store.messages(tagIn(chat), { after: 0 }, { maxBytes: 65_536 })
    if (typeof page === 'string') throw new Error(page)

    const written: unknown[] = []
    const write = ServerResponse.prototype.write
    vi.spyOn(ServerResponse.prototype, 'write').mockImplementation(function (this: ServerResponse, ...all) {
      written.push(all[0])
      return Reflect.apply(write, this, all)
    })
    const stringify = vi.spyOn(JSON, 'stringify')
    onTestFinished(() => void vi.restoreAllMocks())
    const answer = await fetch(chat, { headers: { authorization: `Bearer ${owner}` } })
    expect(await answer.json()).toMatchObject({ messages: { length: 20 } })
    const body = written.find((chunk) => chunk instanceof Uint8Array)
    expect(body instanceof Uint8Array && body.buffer === page.json[0]?.buffer).toBe(true)
    const encoded = stringify.mock.calls.map(([value]) => value).filter((value) => typeof value === 'object')
    // What is said of the chat itself, once.
    expect(encoded).toEqual([{ chat, you: 'owner', title: null, invites: 'anyone' }])
  })
})

describe('an idle stream', () => {
  it('has no timer and references neither its request nor its response', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const first = await openStream(`${chat}/events`, { user: owner })
    await first.next()
    const timers = [vi.spyOn(globalThis, 'setTimeout'), vi.spyOn(globalThis, 'setInterval')]
    const streams = new Map<Socket, { request: IncomingMessage; response: ServerResponse }>()
    server.app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      streams.set(request.socket, { request, response })
    })
    onTestFinished(() => void vi.restoreAllMocks())
    for (let count = 0; count < 10; count++) await (await openStream(`${chat}/events`, { user: owner })).next()
    for (const timer of timers) expect(timer.mock.calls.filter(([, ms]) => (ms ?? 0) > 10_000)).toEqual([])
    expect(streams.size).toBe(10)
    for (const { request, response } of streams.values()) {
      expect(response.socket).toBe(null)
      expect(request.rawHeaders).toEqual([])
      expect(request.headers).toEqual({})
    }
  })
})

describe('an idle chat in a shared store', () => {
  it('costs the store one write in 30 s while its owner has streams, however many there are', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const { sinks, calls } = await aChatWith(100)
    await vi.advanceTimersByTimeAsync(600_000)
    expect(calls).toEqual({ announce: 20 })
    for (const sink of sinks) sink.destroy()
    await eventually(() => calls['retract'] !== undefined, 'the owner is absent')
    await vi.advanceTimersByTimeAsync(600_000)
    expect(calls).toEqual({ announce: 20, retract: 1 })
  })
})

/** Counts the writes of the server to its connections on this port from now on. */
function writesOf(port: number): () => number {
  let count = 0
  for (const name of ['_write', '_writev'] as const) {
    const original = Socket.prototype[name]
    if (original === undefined) continue
    vi.spyOn(Socket.prototype, name).mockImplementation(function (this: Socket, ...all: unknown[]) {
      if (this.localPort === port) count++
      return Reflect.apply(original, this, all)
    })
  }
  onTestFinished(() => void vi.restoreAllMocks())
  return () => count
}
