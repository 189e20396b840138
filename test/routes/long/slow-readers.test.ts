/** Readers that are slower than what they are told, over real sockets. */
import { describe, expect, it } from 'vitest'
import { call, createChat, post } from '../../support/api.ts'
import { openSocket } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'
import { openStream, type StreamEvent } from '../../support/streams.ts'

describe('a reader that falls behind', () => {
  it('by more than it may is cut off, and others get everything', async () => {
    const server = await startServer({ env: { MAX_STREAM_BUFFER_BYTES: '100000' } })
    const { chat, owner } = await createChat(server)
    const good = await openStream(`${chat}/events`, { user: owner })
    await good.until('ready')
    const socket = openSocket(server.port)
    const closed = new Promise((resolve) => socket.on('close', resolve))
    await new Promise((resolve) => {
      socket.once('data', resolve)
      socket.write(`GET ${new URL(chat).pathname}/events?user_id=${owner} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    })
    socket.pause()
    const received = (async () => {
      const all: StreamEvent[] = []
      for (let count = 0; count < 1500; count += 1) {
        const event = await good.next()
        if (event !== undefined) all.push(event)
      }
      return all
    })()
    for (let count = 0; count < 15; count++) {
      await Promise.all(
        Array.from({ length: 100 }, () => call(chat, { user: owner, json: { text: 'x'.repeat(4000) } }))
      )
    }
    expect((await received).map(({ id }) => id)).toEqual(Array.from({ length: 1500 }, (_, index) => `${index + 1}`))
    socket.resume()
    await closed
  })

  it('while it replays is not cut off, however little it may fall behind', async () => {
    const server = await startServer({ env: { MAX_STREAM_BUFFER_BYTES: '1' } })
    const { chat, owner } = await createChat(server)
    for (let count = 0; count < 300; count++) await post(chat, owner, 'x'.repeat(2000))
    const stream = await openStream(`${chat}/events?last_event_id=0`, { user: owner })
    expect(await stream.until('ready')).toHaveLength(301)
  })
})
