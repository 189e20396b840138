/** Streams over a store that cannot be reached for a while, or comes back with an older log. */
import { expect, it } from 'vitest'
import { approve } from '../../src/chat/changes.ts'
import { digestOf, newUserId, tagOf } from '../../src/chat/ids.ts'
import { type Listener, type Store, StoreUnavailable } from '../../src/chat/store.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { ROOMY } from '../store/contract.ts'
import { aDoor, changed, withKnock, withLink } from '../support/doors.ts'
import { eventually } from '../support/eventually.ts'
import { aHub, aWait, CONNECTION } from '../support/hubs.ts'
import { TestSink } from '../support/sink.ts'

/** A chat with a pending guest, in a store that can be unreachable and whose watchers can be reset. */
async function aScene() {
  const memory = memoryStore(ROOMY)
  const [owner, guest] = [newUserId(), newUserId()]
  const invited = withLink({ ...aDoor().door, owner: digestOf(owner) })
  const { door, request } = withKnock(invited.door, invited.link, digestOf(guest))
  const tag = tagOf(door.chat)
  await memory.create(door)
  const listeners = new Set<Listener>()
  let isAway = false
  let refused = 0
  const orAway =
    <Call extends unknown[], Answer>(ask: (...call: Call) => Promise<Answer>) =>
    async (...call: Call): Promise<Answer> => {
      if (!isAway) return await ask(...call)
      refused++
      throw new StoreUnavailable('unreachable')
    }
  const store: Store = {
    ...memory,
    load: orAway(memory.load),
    events: orAway(memory.events),
    watch: orAway(async (of, listener) => {
      listeners.add(listener)
      return await memory.watch(of, listener)
    })
  }
  const hub = aHub(store)
  return {
    door,
    request,
    link: invited.link,
    owner,
    tag,
    memory,
    hub,
    refused: () => refused,
    away: (is: boolean) => {
      isAway = is
    },
    reset: () => listeners.forEach((listener) => void listener('reset')),
    openChat: (cursor?: string) => {
      const sink = new TestSink()
      hub.openChatStream(sink, tag, { user: owner, isOwner: true, ...CONNECTION, cursor })
      return sink
    },
    openDoor: () => {
      const sink = new TestSink()
      hub.openGuestStream(sink, { chat: door.chat, link: invited.link, title: null, user: guest, ...CONNECTION })
      return sink
    },
    post: (text: string) => memory.append(tag, 0, { from: 'owner', text, createdAt: 0 })
  }
}

it('a stream whose chat has lost its tail gets a reset and the pending requests, and goes on', async () => {
  const scene = await aScene()
  const sink = scene.openChat()
  await eventually(() => sink.events.includes('ready'), 'the stream is live')
  await scene.post('before')
  await eventually(() => sink.events.includes('message'), 'the message arrives')
  scene.reset()
  await eventually(() => sink.events.length === 6, 'the stream is live again')
  await scene.post('after')
  await eventually(() => sink.text.includes('after'), 'the next message arrives')
  expect(sink.events).toEqual(['join_request', 'ready', 'message', 'reset', 'join_request', 'ready', 'message'])
  expect(sink.text).toContain('"last_event_id":1')
})

it('a pending guest gets another event after a reset only if the state has changed', async () => {
  const scene = await aScene()
  const sink = scene.openDoor()
  await eventually(() => sink.events.length === 1, 'the guest has the state')
  let polls = 0
  const wait = scene.hub.wait(
    scene.tag,
    aWait(async () => ++polls === 2)
  )
  await eventually(() => polls === 1, 'a request waits')
  scene.reset()
  await wait
  expect(sink.events).toEqual(['approval'])
  const { door } = changed(approve(scene.door, { link: scene.link, id: scene.request.id }, scene.door.owner, 5))
  // Committed without events: as if the notification had been lost.
  await scene.memory.commit(scene.tag, 1, door, [], 5)
  scene.reset()
  await eventually(() => sink.writableEnded, 'the stream ends')
  expect(sink.text).toContain('"state":"approved"')
})

it('a stream stays open while the store is unreachable, and goes on after that', async () => {
  const scene = await aScene()
  await scene.post('one')
  const live = scene.openChat()
  await eventually(() => live.events.includes('ready'), 'the stream is live')
  scene.away(true)
  const late = scene.openChat('0')
  scene.reset()
  await eventually(() => scene.refused() >= 2, 'the store refuses both streams')
  expect([live.destroyed, late.destroyed]).toEqual([false, false])
  scene.away(false)
  const both = (text: string) => [live, late].every((sink) => sink.text.includes(text))
  await eventually(() => both('"last_event_id":1'), 'both streams are live')
  await eventually(() => live.events.filter((name) => name === 'ready').length === 2, 'the first is live again')
  await scene.post('two')
  await eventually(() => both('two'), 'both receive the message')
  expect(late.events).toEqual(['message', 'ready', 'message'])
})

it('a wait is refused at once while the store is unreachable', async () => {
  const scene = await aScene()
  scene.away(true)
  const wait = scene.hub.wait(
    scene.tag,
    aWait(async () => true)
  )
  await expect(wait).rejects.toThrow(StoreUnavailable)
})
