/** The contract must be able to fail: stores with one promise broken each, all of which it has to catch. */
import { describe, expect, it } from 'vitest'
import type { Door } from '../../src/chat/door.ts'
import type { LoggedEvent } from '../../src/chat/events.ts'
import { newChatId, type PostKey, tagOf } from '../../src/ids.ts'
import { memoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { CONTRACT, type Limits } from './contract.ts'

type Breaking = (store: Store, limits: Limits) => Partial<Store>

const tomorrow = 86_400_000

const BROKEN: Record<string, Breaking> = {
  'forgets that a tag is taken': (store) => ({
    create: async (door) => {
      const outcome = await store.create(door)
      return outcome === 'taken' ? 'created' : outcome
    }
  }),
  'keeps all chats as one': (store) => {
    let one: Door | undefined
    const tag = () => tagOf(one?.chat ?? newChatId())
    return {
      create: async (door) => {
        if (one !== undefined) return 'created'
        one = door
        return store.create(door)
      },
      load: () => store.load(tag()),
      append: (_tag, ...rest) => store.append(tag(), ...rest),
      watch: (_tag, listener) => store.watch(tag(), listener)
    }
  },
  'makes a chat with something in it': (store) => ({
    create: async (door) => {
      const outcome = await store.create(door)
      if (outcome === 'created') await store.append(tagOf(door.chat), 0, { text: 'welcome', createdAt: 0 })
      return outcome
    }
  }),
  'cannot be reached': () => ({
    ping: () => Promise.reject(new Error('no answer'))
  }),
  'loads a stale door': (store) => {
    const first = new Map<string, ReturnType<Store['load']>>()
    return {
      load: (tag) => {
        const loading = first.get(tag) ?? store.load(tag)
        first.set(tag, loading)
        return loading
      }
    }
  },
  'loads a stale last event id': (store) => ({
    load: async (tag) => {
      const chat = await store.load(tag)
      return chat && { ...chat, lastEventId: Math.max(0, chat.lastEventId - 1) }
    }
  }),
  'loads nothing of a link': (store) => ({
    load: async (tag) => {
      const chat = await store.load(tag)
      return chat && { ...chat, door: { ...chat.door, links: [] } }
    }
  }),
  'loads join requests in the wrong order': (store) => ({
    load: async (tag) => {
      const chat = await store.load(tag)
      return chat && { ...chat, door: { ...chat.door, requests: new Map([...chat.door.requests].reverse()) } }
    }
  }),
  'hands out live objects': (store) => {
    const live = new Map<string, object>()
    return {
      load: async (tag) => {
        const chat = await store.load(tag)
        if (chat === undefined) return undefined
        return Object.assign(live.get(tag) ?? live.set(tag, {}).get(tag) ?? {}, chat)
      },
      commit: async (tag, ...rest) => {
        const outcome = await store.commit(tag, ...rest)
        Object.assign(live.get(tag) ?? {}, await store.load(tag))
        return outcome
      }
    }
  },
  'ignores the version of a commit': (store) => ({
    commit: async (tag, _version, door, events) => {
      const version = (await store.load(tag))?.version ?? 0
      return store.commit(tag, version, door, events)
    }
  }),
  'says conflict but logs the events': (store) => ({
    commit: async (tag, version, door, events) => {
      const outcome = await store.commit(tag, version, door, events)
      const chat = await store.load(tag)
      if (outcome === 'conflict' && chat !== undefined) await store.commit(tag, chat.version, chat.door, events)
      return outcome
    }
  }),
  'commits the door without its events': (store) => ({
    commit: (tag, version, door) => store.commit(tag, version, door, [])
  }),
  'commits the events without the door': (store) => ({
    commit: async (tag, version, door, events) =>
      store.commit(tag, version, (await store.load(tag))?.door ?? door, events)
  }),
  'lets messages change the version': (store) => ({
    append: async (tag, ...rest) => {
      const outcome = await store.append(tag, ...rest)
      const chat = await store.load(tag)
      if (chat !== undefined) await store.commit(tag, chat.version, chat.door, [])
      return outcome
    }
  }),
  'ignores the rights of a message': (store) => ({
    append: async (tag, _rights, message, key) =>
      store.append(tag, (await store.load(tag))?.door.rights ?? 0, message, key)
  }),
  'forgets the key of a post': (store) => ({
    append: (tag, rights, message) => store.append(tag, rights, message)
  }),
  'keeps keys for all chats together': (store) => {
    const known = new Map<PostKey, ReturnType<Store['append']>>()
    return {
      append: (tag, rights, message, key) => {
        const outcome = (key && known.get(key)) ?? store.append(tag, rights, message)
        if (key !== undefined) known.set(key, outcome)
        return outcome
      }
    }
  },
  'looks for room before it looks for a key': (store, { maxChatBytes }) => ({
    append: async (tag, rights, message, key) => {
      const page = await store.messages(tag, 0)
      const taken = typeof page === 'string' ? 0 : page.json.length
      if (taken + message.text.length > maxChatBytes) return 'chat-full'
      return store.append(tag, rights, message, key)
    }
  }),
  'loses every tenth message': (store) => {
    let count = 0
    return {
      append: async (tag, rights, message, key) =>
        ++count % 10 === 0
          ? { type: 'message', id: count, json: JSON.stringify({ id: count, ...message }) }
          : store.append(tag, rights, message, key)
    }
  },
  'changes a text': (store) => ({
    append: (tag, rights, message, key) =>
      store.append(tag, rights, { ...message, text: message.text.replaceAll('\u0000', '') }, key)
  }),
  'takes the time from its own clock': (store) => ({
    append: (tag, rights, message, key) =>
      store.append(tag, rights, { ...message, createdAt: message.createdAt + tomorrow }, key)
  }),
  'has no limit for a chat': () => ({}),
  'forgets to refuse a cursor': (store) => ({
    events: async (tag, after, maxBytes) => {
      const events = await store.events(tag, after, maxBytes)
      return events === 'cursor-unknown' ? [] : events
    }
  }),
  'forgets to refuse a cursor of a page': (store) => ({
    messages: async (tag, after, limit) => {
      const page = await store.messages(tag, after, limit)
      return page === 'cursor-unknown' ? { json: new Uint8Array(), upTo: 0, hasMore: false } : page
    }
  }),
  'includes the cursor itself': (store) => ({
    events: (tag, after, maxBytes) => store.events(tag, after > 0 ? after - 1 : after, maxBytes)
  }),
  'pages without a bound': (store) => ({
    events: (tag, after) => store.events(tag, after, Number.POSITIVE_INFINITY)
  }),
  'gives empty pages where a message is too large for one': (store) => ({
    events: async (tag, after, maxBytes) => (maxBytes < 100 ? [] : store.events(tag, after, maxBytes))
  }),
  'gives one message less than it may': (store) => ({
    messages: async (tag, after, limit) => store.messages(tag, after, limit && limit - 1)
  }),
  'says a page is complete up to its last message only': (store) => ({
    messages: async (tag, after, limit) => {
      const page = await store.messages(tag, after, limit)
      if (typeof page === 'string') return page
      const messages: { id: number }[] = JSON.parse(`[${Buffer.from(page.json)}]`)
      return { ...page, upTo: messages.at(-1)?.id ?? after }
    }
  }),
  'never says that there is more': (store) => ({
    messages: async (tag, after, limit) => {
      const page = await store.messages(tag, after, limit)
      return typeof page === 'string' ? page : { ...page, hasMore: false }
    }
  }),
  'reuses the memory of a page': (store) => {
    const shared = Buffer.alloc(1_000_000)
    return {
      messages: async (tag, after, limit) => {
        const page = await store.messages(tag, after, limit)
        if (typeof page === 'string') return page
        shared.set(page.json)
        return { ...page, json: shared.subarray(0, page.json.length) }
      },
      append: async (...rest) => {
        shared.fill(0)
        return store.append(...rest)
      }
    }
  },
  'tells twice': (store) => ({
    watch: (tag, listener) => store.watch(tag, (events) => void [listener(events), listener(events)])
  }),
  'tells nothing of join events': (store) => ({
    watch: (tag, listener) => store.watch(tag, (events) => listener(events.filter(({ type }) => type === 'message')))
  }),
  'tells out of order': (store) => ({
    watch: (tag, listener) => {
      let held: readonly LoggedEvent[] = []
      return store.watch(tag, (events) => {
        if (held.length === 0) held = events
        else {
          listener([...events, ...held])
          held = []
        }
      })
    }
  }),
  'goes on telling after unwatch': (store) => ({
    watch: async (tag, listener) => {
      const unwatch = await store.watch(tag, listener)
      return unwatch === 'gone' ? unwatch : () => {}
    }
  }),
  'tells the same listener once': (store) => {
    const known = new Set()
    return {
      watch: async (tag, listener) => {
        const isKnown = known.has(listener)
        known.add(listener)
        return store.watch(tag, isKnown ? () => {} : listener)
      }
    }
  },
  'watches what does not exist': (store) => ({
    watch: async (tag, listener) => {
      const unwatch = await store.watch(tag, listener)
      return unwatch === 'gone' ? () => {} : unwatch
    }
  })
}

async function brokenPromises(make: (limits: Limits) => Store): Promise<string[]> {
  const broken: string[] = []
  for (const { promise, run } of CONTRACT) {
    await run(make).catch(() => broken.push(promise))
  }
  return broken
}

describe('the contract catches a store that', () => {
  const caught = new Set<string>()

  it.each(Object.entries(BROKEN))('%s', async (name, breaking) => {
    const limitless = name === 'has no limit for a chat' && { maxChatBytes: Number.POSITIVE_INFINITY }
    const broken = await brokenPromises((limits) => {
      const sound = memoryStore({ ...limits, ...limitless })
      return { ...sound, ...breaking(sound, limits) }
    })
    for (const promise of broken) caught.add(promise)
    expect(broken).not.toEqual([])
  })

  it('breaks any of its promises: each of them catches somebody', () => {
    expect(CONTRACT.map(({ promise }) => promise).filter((promise) => !caught.has(promise))).toEqual([])
  })

  it('is sound, and finds nothing', async () => {
    expect(await brokenPromises(memoryStore)).toEqual([])
  })
})
