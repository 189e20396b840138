/** Readers that are slower than their streams, over real sockets. */
import { describe, expect, it } from 'vitest'
import { call, createChat, post } from '../../../support/api.ts'
import { ChunkReader } from '../../../support/chunked.ts'
import { openSocket, parseAnswer } from '../../../support/raw.ts'
import { startServer } from '../../../support/server.ts'
import { openReady, openStream } from '../../../support/streams.ts'

describe('a reader that falls behind', () => {
  it('is cut off, and others receive everything', async () => {
    const server = await startServer({ env: { MAX_STREAM_BUFFER_BYTES: '100000', MAX_CHAT_BYTES: '100000000' } })
    const { chat, owner } = await createChat(server)
    const good = await openReady(chat, owner)
    const socket = openSocket(server.port)
    const taken: Buffer[] = []
    socket.on('data', (bytes) => taken.push(bytes))
    const closed = new Promise((resolve) => socket.on('close', resolve))
    await new Promise((resolve) => {
      socket.once('data', resolve)
      socket.write(`GET ${new URL(chat).pathname}/events?user_id=${owner} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    })
    socket.pause()
    const received = (async () => {
      const all: (string | undefined)[] = []
      for (let event = await good.next(); event !== undefined; event = await good.next()) {
        all.push(event.id)
        if (event.data['text'] === 'last') break
      }
      return all
    })()
    // The operating system buffers some megabytes for a reader that does not read; how many differs.
    let posted = 0
    while (!server.log.some((line) => line.includes('stream ended'))) {
      await Promise.all(
        Array.from({ length: 100 }, () => call(chat, { user: owner, json: { text: 'x'.repeat(4000) } }))
      )
      posted += 100
    }
    await post(chat, owner, 'last')
    expect(await received).toEqual(Array.from({ length: posted + 1 }, (_, index) => `${index + 1}`))
    socket.resume()
    await closed
    // It can see that the body is incomplete.
    const { body } = parseAnswer(Buffer.concat(taken).toString('latin1'))
    expect(new ChunkReader().feed(Buffer.from(body, 'latin1')).isEnded).toBe(false)
  })

  it('is not cut off during the replay, however small the buffer is', async () => {
    const server = await startServer({ env: { MAX_STREAM_BUFFER_BYTES: '1' } })
    const { chat, owner } = await createChat(server)
    for (let count = 0; count < 300; count++) await post(chat, owner, 'x'.repeat(2000))
    const stream = await openStream(`${chat}/events?last_event_id=0`, { user: owner })
    expect(await stream.until('ready')).toHaveLength(301)
  })
})
