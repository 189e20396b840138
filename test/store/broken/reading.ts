/** Stores with faults in reading the log. */
import type { Breaking } from './breaking.ts'

export const BROKEN_READING: Record<string, Breaking> = {
  'does not refuse an unknown cursor of events': (store) => ({
    events: async (tag, after, page) => {
      const events = await store.events(tag, after, page)
      return events === 'cursor-unknown' ? [] : events
    }
  }),
  'does not refuse an unknown cursor of messages': (store) => ({
    messages: async (tag, after, wanted) => {
      const page = await store.messages(tag, after, wanted)
      return page === 'cursor-unknown' ? { json: [], count: 0, upTo: 0, hasMore: false } : page
    }
  }),
  'includes the cursor itself': (store) => ({
    events: (tag, after, page) => store.events(tag, after > 0 ? after - 1 : after, page)
  }),
  'does not limit a page of events': (store) => ({
    events: (tag, after, page) => store.events(tag, after, { ...page, maxBytes: Number.POSITIVE_INFINITY })
  }),
  'returns an empty page if a message is larger than a page': (store) => ({
    events: async (tag, after, page) => (page.maxBytes < 100 ? [] : store.events(tag, after, page))
  }),
  'returns one message less than the limit': (store) => ({
    messages: async (tag, after, page) => store.messages(tag, after, { ...page, limit: page?.limit && page.limit - 1 })
  }),
  'reports that a page is complete only up to its last message': (store) => ({
    messages: async (tag, after, wanted) => {
      const page = await store.messages(tag, after, wanted)
      if (typeof page === 'string') return page
      const messages: { id: number }[] = JSON.parse(`[${Buffer.concat(page.json)}]`)
      return { ...page, upTo: messages.at(-1)?.id ?? 0 }
    }
  }),
  'never reports that there are more messages': (store) => ({
    messages: async (tag, after, wanted) => {
      const page = await store.messages(tag, after, wanted)
      return typeof page === 'string' ? page : { ...page, hasMore: false }
    }
  }),
  'reuses the memory of a page': (store) => {
    const shared = Buffer.alloc(1_000_000)
    return {
      messages: async (tag, after, wanted) => {
        const page = await store.messages(tag, after, wanted)
        if (typeof page === 'string') return page
        const bytes = Buffer.concat(page.json)
        shared.set(bytes)
        return { ...page, json: [shared.subarray(0, bytes.length)] }
      },
      append: async (...rest) => {
        shared.fill(0)
        return store.append(...rest)
      }
    }
  },
  'reads messages beyond `upTo`': (store) => ({
    messages: (tag, after, page) => store.messages(tag, after, { limit: page.limit, maxBytes: page.maxBytes })
  }),
  'ends a page of messages before `upTo`': (store) => ({
    messages: (tag, after, page) => store.messages(tag, after, { ...page, upTo: page?.upTo && page.upTo - 1 })
  }),
  'reports that there are more messages after `upTo`': (store) => ({
    messages: async (tag, after, page) => {
      const [found, chat] = [await store.messages(tag, after, page), await store.load(tag)]
      return typeof found === 'string' ? found : { ...found, hasMore: found.upTo < (chat?.lastEventId ?? 0) }
    }
  }),
  'returns an empty page for a cursor after `upTo`': (store) => ({
    messages: async (tag, after, page) => {
      const found = await store.messages(tag, after, page)
      const isBehind = found === 'cursor-unknown' && page?.upTo !== undefined
      return isBehind ? { json: [], count: 0, upTo: page.upTo, hasMore: false } : found
    }
  }),
  'does not limit a page of messages': (store) => ({
    messages: (tag, start, page) => store.messages(tag, start, { ...page, maxBytes: Number.MAX_SAFE_INTEGER })
  }),
  'returns no message that is larger than a page': (store) => ({
    messages: async (tag, start, page) =>
      page.maxBytes < 100 ? { json: [], count: 0, upTo: 0, hasMore: true } : store.messages(tag, start, page)
  }),
  'miscounts a page of messages': (store) => ({
    messages: async (tag, start, page) => {
      const found = await store.messages(tag, start, page)
      return typeof found === 'string' ? found : { ...found, count: found.count + 1 }
    }
  }),
  'begins after the message it is asked to begin with': (store) => ({
    messages: (tag, start, page) => store.messages(tag, 'from' in start ? { after: start.from } : start, page)
  }),
  'finds one of the newest messages too few': (store) => ({
    newestMessages: (tag, newest) => store.newestMessages(tag, { ...newest, count: Math.max(1, newest.count - 1) })
  }),
  'counts join events as newest messages': (store) => ({
    newestMessages: async (tag, { count, before, upTo }) => {
      const last = Math.min(upTo ?? (await store.load(tag))?.lastEventId ?? 0, (before ?? 1e9) - 1)
      return { from: Math.max(1, last - count + 1), hasOlder: last > count }
    }
  }),
  'finds the newest messages of all, not of those before an event': (store) => ({
    newestMessages: (tag, { before: _, ...newest }) => store.newestMessages(tag, newest)
  }),
  'does not say that there are older messages': (store) => ({
    newestMessages: async (tag, newest) => {
      const found = await store.newestMessages(tag, newest)
      return found === 'gone' ? found : { ...found, hasOlder: false }
    }
  }),
  'reads events beyond `upTo`': (store) => ({
    events: (tag, after, { maxBytes, allJoins }) => store.events(tag, after, { maxBytes, allJoins })
  }),
  'returns an empty page of events for a cursor after `upTo`': (store) => ({
    events: async (tag, after, page) => {
      const events = await store.events(tag, after, page)
      return events === 'cursor-unknown' && page.upTo !== undefined ? [] : events
    }
  }),
  'keeps one join event less than a thousand': (store) => {
    const joins: number[] = []
    return {
      commit: async (...call) => {
        const logged = await store.commit(...call)
        if (typeof logged !== 'string') joins.push(...logged.map(({ id }) => id))
        return logged
      },
      events: async (tag, after, page) => {
        const newestForgotten = joins.at(-1000) ?? 0
        if (page.allJoins && after < newestForgotten) return 'cursor-unknown'
        const events = await store.events(tag, after, page)
        if (typeof events === 'string') return events
        return events.filter(({ type, id }) => type === 'message' || id > newestForgotten)
      }
    }
  },
  'forgets admissions like knocks': (store) => ({
    events: async (tag, after, page) => {
      const events = await store.events(tag, after, page)
      const { lastEventId } = (await store.load(tag)) ?? { lastEventId: 0 }
      if (typeof events === 'string') return events
      return events.filter(({ type, id }) => type === 'message' || id > lastEventId - 1000)
    }
  }),
  'omits deleted join events even with `allJoins`': (store) => ({
    events: (tag, after, page) => store.events(tag, after, { ...page, allJoins: false })
  }),
  'requires all join events even without `allJoins`': (store) => ({
    events: (tag, after, page) => store.events(tag, after, { ...page, allJoins: true })
  }),
  'deletes messages together with join events': (store) => ({
    events: async (tag, after, page) => {
      const [events, chat] = [await store.events(tag, after, page), await store.load(tag)]
      const oldest = (chat?.lastEventId ?? 0) - 1000
      return typeof events === 'string' || page.allJoins ? events : events.filter(({ id }) => id > oldest)
    }
  })
}
