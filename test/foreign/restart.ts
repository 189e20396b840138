/** A server that is stopped, and one that starts with the same chats on the same port, while clients follow a stream. */
import { expect, onTestFinished } from 'vitest'
import { openWire } from '../kit/wire.ts'
import { createChat, post } from '../support/api.ts'
import { startServer } from '../support/server.ts'
import type { Follower } from './follower.ts'

interface Scene {
  /** Starts a proxy in front of the server on this port. */
  readonly inFront?: (port: number) => Promise<{ url: string }>
  /** Starts the clients. */
  readonly follow: (front: { url: string }, events: string) => Promise<Follower[]>
}

/** Every client must receive the messages before, during and after the restart, once and in order. */
export async function followAcrossRestart({ inFront, follow }: Scene): Promise<void> {
  const first = await startServer()
  const wire = await openWire(first.port)
  onTestFinished(wire.close)
  const front = inFront === undefined ? wire : await inFront(wire.port)
  const { chat, owner } = await createChat(front)
  await post(chat, owner, 'earlier')
  const followers = await follow(front, `${chat}/events?last_event_id=0&user_id=${owner}`)
  await post(chat, owner, 'before')
  await Promise.all(followers.map((follower) => follower.hasText('before')))

  const second = await startServer({ wrap: () => first.store })
  await first.close()
  await wire.down()
  await post(`${second.url}${new URL(chat).pathname}`, owner, 'meanwhile')
  // Each client has lost its stream, and has failed to reconnect once.
  await Promise.all(followers.map((follower) => follower.until(({ failed }) => failed === 2, 'it has failed twice')))

  await wire.up(second.port)
  await post(chat, owner, 'afterwards')
  await Promise.all(followers.map((follower) => follower.hasText('afterwards')))
  await post(chat, owner, 'live again')
  await Promise.all(followers.map((follower) => follower.hasText('live again')))

  for (const { messages, events, opened, isClosed } of followers) {
    expect({ messages, opened, isClosed }).toEqual({
      messages: ['earlier', 'before', 'meanwhile', 'afterwards', 'live again'].map((text, index) => [
        `${index + 1}`,
        index + 1,
        text
      ]),
      opened: 2,
      isClosed: false
    })
    expect(events.map(([name]) => name)).toEqual(['ready', 'ready'])
  }
}
