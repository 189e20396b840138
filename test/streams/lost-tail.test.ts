/** A store that cannot be reached for a while, and one that comes back with an older log. */
import { expect, it, onTestFinished } from 'vitest'
import { approve } from '../../src/chat/changes.ts'
import { digestOf, newUserId, tagOf } from '../../src/chat/ids.ts'
import { type Listener, type Store, StoreUnavailable } from '../../src/chat/store.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { Hub } from '../../src/streams/hub.ts'
import { ROOMY } from '../store/contract.ts'
import { aDoor, changed, withKnock, withLink } from '../support/doors.ts'
import { TestSink } from '../support/sink.ts'

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

const events = ({ text }: TestSink) => [...text.matchAll(/^event: (\S+)$/gm)].map(([, name]) => name)

/** A chat with a guest who waits, in a store whose watchers can be told anything, and which can be away. */
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
  const hub = new Hub({
    store,
    applyDueExpiries: async () => undefined,
    heartbeatMs: 60_000,
    maxBufferBytes: 1e6,
    maxStreams: 9,
    onFault: (error) => expect(error).toBeUndefined()
  })
  onTestFinished(() => hub.close())
  const connection = { base: 'http://localhost', isChunked: true }
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
      hub.openChatStream(sink, tag, { user: owner, ...connection, cursor })
      return sink
    },
    openDoor: () => {
      const sink = new TestSink()
      hub.openGuestStream(sink, { chat: door.chat, user: guest, ...connection })
      return sink
    },
    say: (text: string) => memory.append(tag, 0, { text, createdAt: 0 })
  }
}

it('who follows a chat that has lost its tail is told so, shown who waits, and goes on from there', async () => {
  const scene = await aScene()
  const sink = scene.openChat()
  await until(() => events(sink).includes('ready'))
  await scene.say('before')
  await until(() => events(sink).includes('message'))
  scene.reset()
  await until(() => events(sink).length === 6)
  await scene.say('after')
  await until(() => sink.text.includes('after'))
  expect(events(sink)).toEqual(['join_request', 'ready', 'message', 'reset', 'join_request', 'ready', 'message'])
  expect(sink.text).toContain('"last_event_id":1')
})

it('a guest at the door is told once more only if the answer is another one', async () => {
  const scene = await aScene()
  const sink = scene.openDoor()
  await until(() => events(sink).length === 1)
  let looks = 0
  const wait = scene.hub.wait(scene.tag, 300, new AbortController().signal, async () => ++looks === 2)
  await until(() => looks === 1)
  scene.reset()
  await wait
  expect(events(sink)).toEqual(['approval'])
  const meant = { link: scene.link, id: scene.request.id }
  const { door } = changed(approve(scene.door, meant, scene.door.owner, 5))
  // As if nobody had been told of it.
  await scene.memory.commit(scene.tag, 1, door, [], 5)
  scene.reset()
  await until(() => sink.writableEnded)
  expect(sink.text).toContain('"state":"approved"')
})

it('a stream stays open while the store is away, and goes on once it is back', async () => {
  const scene = await aScene()
  await scene.say('one')
  const live = scene.openChat()
  await until(() => events(live).includes('ready'))
  scene.away(true)
  const late = scene.openChat('0')
  scene.reset()
  await until(() => scene.refused() >= 2)
  expect([live.destroyed, late.destroyed]).toEqual([false, false])
  scene.away(false)
  await until(() => [live, late].every((sink) => sink.text.includes('"last_event_id":1')))
  await until(() => events(live).filter((name) => name === 'ready').length === 2)
  await scene.say('two')
  await until(() => [live, late].every((sink) => sink.text.includes('two')))
  expect(events(late)).toEqual(['message', 'ready', 'message'])
})

it('a wait is refused at once while the store is away', async () => {
  const scene = await aScene()
  scene.away(true)
  const wait = scene.hub.wait(scene.tag, 300, new AbortController().signal, async () => true)
  await expect(wait).rejects.toThrow(StoreUnavailable)
})
