/** npm's `eventsource`, which programs use. */
import { randomUUID } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openWire } from '../../kit/wire.ts'
import { approve, createChat, createLink, knock, post } from '../../support/api.ts'
import { startServer } from '../../support/server.ts'
import { slowStore } from '../../support/slow-store.ts'
import { followInNode } from '../follower.ts'
import { followAcrossRestart } from '../restart.ts'

describe('an EventSource', () => {
  it('receives every message once and in order, even if its connection breaks while others post', async () => {
    let turn = 0
    const server = await startServer({ wrap: (store) => slowStore(store, () => turn++ % 4) })
    const wire = await openWire(server.port)
    onTestFinished(wire.close)
    const { chat, owner } = await createChat(server)
    const posted: [string, number, string][] = []
    const postRounds = async (rounds: number) => {
      for (let round = 0; round < rounds; round++) {
        const texts = Array.from({ length: 5 }, () => randomUUID())
        const ids = await Promise.all(texts.map((text) => post(chat, owner, text)))
        posted.push(...texts.map((text, index): [string, number, string] => [`${ids[index]}`, ids[index] ?? 0, text]))
      }
    }
    const follower = followInNode(`${chat.replace(server.url, wire.url)}/events?last_event_id=0`, owner)
    await follower.until(({ opened }) => opened === 1)
    let posting = postRounds(60)
    for (const cut of [wire.cut, wire.cutShort, wire.cutShort]) {
      const { length } = follower.messages
      await follower.until(({ messages }) => messages.length > length + 50)
      await cut()
      const reconnected = wire.nextConnection()
      await posting
      await reconnected
      // The stream reopens while others post.
      posting = postRounds(60)
    }
    await posting
    await follower.until(({ messages }) => messages.at(-1)?.[1] === 1200)
    expect(follower.messages).toEqual(posted.toSorted(([, one], [, other]) => one - other))
    expect(follower.opened).toBe(4)
    expect(new Set(follower.events.map(([name]) => name))).toEqual(new Set(['ready']))
  }, 30_000)

  it('misses nothing during a restart', async () => {
    await followAcrossRestart({ follow: async (_front, events) => [followInNode(events)] })
  }, 30_000)

  it('of a guest stops by itself when the guest is approved', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const { client } = await knock(link)
    const follower = followInNode(`${link}/events`, client)
    await follower.until(({ events }) => events.length === 1)
    await approve(link, owner)
    await follower.until(({ isClosed }) => isClosed)
    expect(follower.events).toEqual([
      ['approval', 'pending'],
      ['approval', 'approved']
    ])
    expect([follower.opened, follower.failed]).toEqual([1, 2])
  }, 15_000)
})
