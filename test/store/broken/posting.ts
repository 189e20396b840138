/** Stores with faults in posting messages. */
import type { PostKey } from '../../../src/chat/ids.ts'
import type { Store } from '../../../src/chat/store.ts'
import type { Breaking } from './breaking.ts'

const tomorrow = 86_400_000

export const BROKEN_POSTING: Record<string, Breaking> = {
  'ignores the rights of a message': (store) => ({
    append: async (tag, _rights, message, key) =>
      store.append(tag, (await store.load(tag))?.door.rights ?? 0, message, key)
  }),
  'forgets the key of a post': (store) => ({
    append: (tag, rights, message) => store.append(tag, rights, message)
  }),
  'shares keys between all chats': (store) => {
    const known = new Map<PostKey, ReturnType<Store['append']>>()
    return {
      append: (tag, rights, message, key) => {
        const outcome = (key && known.get(key)) ?? store.append(tag, rights, message)
        if (key !== undefined) known.set(key, outcome)
        return outcome
      }
    }
  },
  'checks the limit before the key': (store, { maxChatBytes }) => ({
    append: async (tag, rights, message, key) => {
      const page = await store.messages(tag, { after: 0 }, { maxBytes: maxChatBytes })
      const used = typeof page === 'string' ? 0 : Buffer.concat(page.json).length
      if (used + message.text.length > maxChatBytes) return 'chat-full'
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
  'uses its own clock': (store) => ({
    append: (tag, rights, message, key) =>
      store.append(tag, rights, { ...message, createdAt: message.createdAt + tomorrow }, key)
  }),
  'has no limit for a chat': () => ({})
}
