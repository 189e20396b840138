/** Logs that are not read as they should be. */
import type { Breaking } from './breaking.ts'

export const BROKEN_READING: Record<string, Breaking> = {
  'forgets to refuse a cursor': (store) => ({
    events: async (tag, after, page) => {
      const events = await store.events(tag, after, page)
      return events === 'cursor-unknown' ? [] : events
    }
  }),
  'forgets to refuse a cursor of a page': (store) => ({
    messages: async (tag, after, asked) => {
      const page = await store.messages(tag, after, asked)
      return page === 'cursor-unknown' ? { json: [], upTo: 0, hasMore: false } : page
    }
  }),
  'includes the cursor itself': (store) => ({
    events: (tag, after, page) => store.events(tag, after > 0 ? after - 1 : after, page)
  }),
  'pages without a bound': (store) => ({
    events: (tag, after, page) => store.events(tag, after, { ...page, maxBytes: Number.POSITIVE_INFINITY })
  }),
  'gives empty pages where a message is too large for one': (store) => ({
    events: async (tag, after, page) => (page.maxBytes < 100 ? [] : store.events(tag, after, page))
  }),
  'gives one message less than it may': (store) => ({
    messages: async (tag, after, page) => store.messages(tag, after, { ...page, limit: page?.limit && page.limit - 1 })
  }),
  'says a page is complete up to its last message only': (store) => ({
    messages: async (tag, after, asked) => {
      const page = await store.messages(tag, after, asked)
      if (typeof page === 'string') return page
      const messages: { id: number }[] = JSON.parse(`[${Buffer.concat(page.json)}]`)
      return { ...page, upTo: messages.at(-1)?.id ?? after }
    }
  }),
  'never says that there is more': (store) => ({
    messages: async (tag, after, asked) => {
      const page = await store.messages(tag, after, asked)
      return typeof page === 'string' ? page : { ...page, hasMore: false }
    }
  }),
  'reuses the memory of a page': (store) => {
    const shared = Buffer.alloc(1_000_000)
    return {
      messages: async (tag, after, asked) => {
        const page = await store.messages(tag, after, asked)
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
  'reads on beyond `upTo`': (store) => ({
    messages: (tag, after, page) => store.messages(tag, after, { limit: page?.limit })
  }),
  'ends a page before `upTo`': (store) => ({
    messages: (tag, after, page) => store.messages(tag, after, { ...page, upTo: page?.upTo && page.upTo - 1 })
  }),
  'says that there is more behind `upTo`': (store) => ({
    messages: async (tag, after, page) => {
      const [found, chat] = [await store.messages(tag, after, page), await store.load(tag)]
      return typeof found === 'string' ? found : { ...found, hasMore: found.upTo < (chat?.lastEventId ?? 0) }
    }
  }),
  'gives an empty page behind `upTo`': (store) => ({
    messages: async (tag, after, page) => {
      const found = await store.messages(tag, after, page)
      const isBehind = found === 'cursor-unknown' && page?.upTo !== undefined
      return isBehind ? { json: [], upTo: page.upTo, hasMore: false } : found
    }
  }),
  'reads events on beyond `upTo`': (store) => ({
    events: (tag, after, { maxBytes, allJoins }) => store.events(tag, after, { maxBytes, allJoins })
  }),
  'gives an empty page of events behind `upTo`': (store) => ({
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
  'leaves out forgotten join events, whoever asks': (store) => ({
    events: (tag, after, page) => store.events(tag, after, { ...page, allJoins: false })
  }),
  'has all join events for those who need them not, or nothing': (store) => ({
    events: (tag, after, page) => store.events(tag, after, { ...page, allJoins: true })
  }),
  'forgets messages with the join events around them': (store) => ({
    events: async (tag, after, page) => {
      const [events, chat] = [await store.events(tag, after, page), await store.load(tag)]
      const oldest = (chat?.lastEventId ?? 0) - 1000
      return typeof events === 'string' || page.allJoins ? events : events.filter(({ id }) => id > oldest)
    }
  })
}
