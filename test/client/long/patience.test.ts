/** How long the client waits for a lost network and for silent connections. */
import { describe, expect, it } from 'vitest'
import { Chat, type ChatEvent, createChat } from '../../../src/client/index.ts'
import { startServer } from '../../support/server.ts'

/** Takes `count` events and ends the stream. */
async function take(events: AsyncIterable<ChatEvent>, count: number): Promise<ChatEvent[]> {
  const taken: ChatEvent[] = []
  for await (const event of events) {
    taken.push(event)
    if (taken.length === count) break
  }
  return taken
}

/** A fetch that fails `count` times before it works, as if the network were lost. */
function failing(times: number): typeof fetch {
  let left = times
  return async (input, init) => {
    if (left-- > 0) throw new TypeError('fetch failed')
    return fetch(input, init)
  }
}

describe('the client', () => {
  it('goes on after the network was lost, and gives up silent connections', async () => {
    const server = await startServer()
    const owner = await createChat(server.url)
    await owner.post('there')
    let silent = 1
    const fetches = failing(1)
    const odd: typeof fetch = async (input, init) => {
      if (silent-- > 0)
        return new Promise((_resolve, reject) =>
          init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
        )
      return fetches(input, init)
    }
    const chat = new Chat(owner.url, owner.userId, { fetch: odd })
    expect(await take(chat.events({ after: 0, silenceMs: 50 }), 1)).toMatchObject([{ event: 'message', id: 1 }])
  }, 20_000)

  it('does not give up a connection while its caller handles an event', async () => {
    const server = await startServer({ env: { HEARTBEAT_SECONDS: '1' } })
    const owner = await createChat(server.url)
    let streams = 0
    const counting: typeof fetch = async (input, init) => {
      if (`${input}`.endsWith('/events')) streams++
      return fetch(input, init)
    }
    const events = new Chat(owner.url, owner.userId, { fetch: counting }).events({ silenceMs: 1500 })
    await events.next()
    await new Promise((resolve) => setTimeout(resolve, 2000))
    await owner.post('and then')
    expect((await events.next()).value).toMatchObject({ event: 'message' })
    expect(streams).toBe(1)
  })
})
