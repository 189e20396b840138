/** A log keeps a thousand join events. Streams stay correct without those that it no longer has. */
import { expect, it } from 'vitest'
import { approve, decline, newDoor } from '../../src/chat/changes.ts'
import type { Door } from '../../src/chat/door.ts'
import { digestOf, newChatId, newUserId, tagOf } from '../../src/chat/ids.ts'
import type { Store } from '../../src/chat/store.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { ROOMY } from '../store/contract.ts'
import { changed, withKnock, withLink } from '../support/doors.ts'
import { aHub, CONNECTION, turns } from '../support/hubs.ts'
import { TestSink } from '../support/sink.ts'

/** Commits `count` join requests at once. */
async function commitRequests(store: Store, door: Door, count: number): Promise<void> {
  const [link] = door.links
  if (link === undefined) throw new Error('a door without a link')
  const { request } = withKnock(door, link.id)
  const version = (await store.load(tagOf(door.chat)))?.version ?? 0
  await store.commit(tagOf(door.chat), version, door, Array(count).fill({ type: 'join_request', request }), 5)
}

/** Takes nothing until it is released. */
class HeldSink extends TestSink {
  #held: (() => void) | undefined
  #isHeld = true

  override _write(chunk: Buffer, encoding: string, done: () => void): void {
    super._write(chunk, encoding, () => {
      if (this.#isHeld) this.#held = done
      else done()
    })
  }

  release(): void {
    this.#isHeld = false
    this.#held?.()
  }
}

it.each([0, 999, 1000])(
  'a member who is removed during a slow replay receives nothing later, also after %d more join events',
  async (later) => {
    const store = memoryStore(ROOMY)
    const [owner, member] = [newUserId(), newUserId()]
    const invited = withLink(newDoor(newChatId(), digestOf(owner), 0))
    const { chat } = invited.door
    const knocked = withKnock(invited.door, invited.link, digestOf(member))
    const ref = { link: invited.link, id: knocked.request.id }
    const inside = changed(approve(knocked.door, ref, digestOf(owner), 2)).door
    await store.create(inside)
    for (let count = 0; count < 40; count++)
      await store.append(tagOf(chat), 0, { from: 'owner', text: 'x'.repeat(4000), createdAt: 3 })
    const sink = new HeldSink()
    aHub(store).openChatStream(sink, tagOf(chat), {
      user: member,
      isOwner: false,
      ...CONNECTION,
      cursor: '0'
    })
    await turns(20)
    const removed = changed(decline(inside, ref, digestOf(owner), 4))
    await store.commit(tagOf(chat), 1, removed.door, removed.events, 4)
    await commitRequests(store, removed.door, later)
    const post = (text: string) => store.append(tagOf(chat), removed.door.rights, { from: 'owner', text, createdAt: 6 })
    await post('SECRET after the removal')
    await turns(20)
    sink.release()
    await turns(50)
    await post('SECRET live')
    await turns(20)
    expect(sink.text).not.toContain('SECRET')
    expect(sink.text).toMatch(/event: closed\ndata: {"reason":"removed"}\n\n$/)
  }
)

it('an owner who falls behind by more than the log keeps gets a reset and goes on', async () => {
  const store = memoryStore(ROOMY)
  const user = newUserId()
  const { door } = withLink(newDoor(newChatId(), digestOf(user), 0))
  const tag = tagOf(door.chat)
  await store.create(door)
  let loads = 0
  const busy: Store = {
    ...store,
    load: async (of) => {
      const chat = await store.load(of)
      // After the chat was loaded, before its caller has it.
      if (++loads === 1) await commitRequests(store, door, 1002)
      return chat
    }
  }
  const sink = new TestSink()
  aHub(busy).openChatStream(sink, tag, { user, isOwner: true, ...CONNECTION, cursor: undefined })
  await turns(50)
  await store.append(tag, 0, { from: 'owner', text: 'anybody there?', createdAt: 0 })
  await turns(20)
  expect(sink.text).toMatch(/event: ready.*event: reset.*event: ready.*anybody there\?/s)
})
