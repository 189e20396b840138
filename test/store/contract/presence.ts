/** Owners that are present, in stores that several processes share. */
import { expect } from 'vitest'
import { newChatId, tagOf } from '../../../src/chat/ids.ts'
import type { PresenceStore } from '../../../src/chat/store.ts'
import { eventually } from '../../support/eventually.ts'
import { aChat, allNotified, append, type Check, loaded, NOON, watched } from './support.ts'

const LONG_MS = 60_000
const SHORT_MS = 50

async function lapses(presence: PresenceStore, tag: Parameters<PresenceStore['isAnnounced']>[0]): Promise<void> {
  await eventually(async () => !(await presence.isAnnounced(tag)), 'the announcement lapses', { withinMs: 2000 })
}

export const PRESENCE: readonly Check[] = [
  {
    promise: 'a chat is announced from the call on until it is retracted, and others are not',
    run: async (make) => {
      const { presence } = await make()
      if (presence === undefined) return
      const [tag, other] = [tagOf(newChatId()), tagOf(newChatId())]
      const seen = () => Promise.all([tag, tag, other].map((one) => presence.isAnnounced(one)))
      expect(await seen()).toEqual([false, false, false])
      await presence.announce(tag, LONG_MS)
      expect(await seen()).toEqual([true, true, false])
      await presence.announce(tag, LONG_MS)
      await presence.retract(other)
      expect(await seen()).toEqual([true, true, false])
      await presence.retract(tag)
      expect(await seen()).toEqual([false, false, false])
      await presence.announce(tag, LONG_MS)
      expect(await seen()).toEqual([true, true, false])
    }
  },
  {
    promise: 'an announcement lapses after its time, which a repetition starts again',
    run: async (make) => {
      const { presence } = await make()
      if (presence === undefined) return
      const [once, repeated] = [tagOf(newChatId()), tagOf(newChatId())]
      await presence.announce(repeated, SHORT_MS)
      await presence.announce(repeated, LONG_MS)
      await presence.announce(once, SHORT_MS)
      await lapses(presence, once)
      expect(await presence.isAnnounced(repeated)).toBe(true)
      await presence.announce(repeated, SHORT_MS)
      await lapses(presence, repeated)
      await presence.announce(once, LONG_MS)
      expect(await presence.isAnnounced(once)).toBe(true)
    }
  },
  {
    promise: 'an announcement changes no chat, notifies nobody, and does not count as use',
    run: async (make) => {
      const store = await make()
      if (store.presence === undefined) return
      const tag = await aChat(store)
      await append(store, tag, 'hello', NOON)
      await allNotified(store)
      const before = await loaded(store, tag)
      const { notified, unwatch } = await watched(store, tag)
      await store.presence.announce(tag, LONG_MS)
      await store.presence.isAnnounced(tag)
      await store.presence.retract(tag)
      await allNotified(store)
      unwatch()
      expect(notified).toEqual([])
      expect(await loaded(store, tag)).toEqual(before)
    }
  }
]
