/** A long history is read from the store as fast as its reader takes it: a reader that does not read costs no memory. */
import { describe, expect, it } from 'vitest'
import type { Store } from '../../../src/chat/store.ts'
import { append, tagIn } from '../../store/contract/support.ts'
import { call, createChat } from '../../support/api.ts'
import { eventually } from '../../support/eventually.ts'
import { openSocket } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'
import { openReady } from '../../support/streams.ts'

const MESSAGES = 6000
const TEXT = 'x'.repeat(4000)
/** A chat of 24 MB in a store that counts the pages that it is asked for. */
async function aLongChat() {
  let pages = 0
  const counting = (store: Store): Store => ({
    ...store,
    messages: (...call) => {
      pages++
      return store.messages(...call)
    },
    events: (...call) => {
      pages++
      return store.events(...call)
    }
  })
  const server = await startServer({ env: { MAX_CHAT_BYTES: '33554432' }, wrap: counting })
  const { chat, owner } = await createChat(server)
  const tag = tagIn(chat)
  for (let count = 0; count < MESSAGES; count += 100) {
    await Promise.all(Array.from({ length: 100 }, () => append(server.store, tag, TEXT)))
  }
  const ask = (path: string) => {
    const socket = openSocket(server.port)
    socket.pause()
    const url = new URL(chat).pathname + path
    socket.write(`GET ${url} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${owner}\r\n\r\n`)
    return socket
  }
  return { chat, owner, ask, pages: () => pages }
}

const READERS = {
  'a long history': {
    path: '',
    readAll: async (chat: string, owner: string) => void (await (await call(chat, { user: owner })).text())
  },
  'a stream that catches up': {
    path: '/events?last_event_id=0',
    readAll: async (chat: string, owner: string) => (await openReady(chat, owner, '?last_event_id=0')).close()
  }
}

describe('a reader that does not read', () => {
  it.each(Object.entries(READERS))('has the store asked for the beginning of %s only', async (_, { path, readAll }) => {
    const { chat, owner, ask, pages } = await aLongChat()
    await readAll(chat, owner)
    const whole = pages()
    const socket = ask(path)
    await eventually(() => pages() > whole, 'the first page is read')
    // As much time as another reader needs for everything.
    await readAll(chat, owner)
    expect(pages() - 2 * whole).toBeLessThan(whole / 2)
    socket.resume()
    await eventually(() => pages() === 3 * whole, 'everything is read once the reader reads', { withinMs: 15_000 })
  })
})
