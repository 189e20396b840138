/** The names of keys and channels. `chat.lua` describes what they contain. */

/** The tag of the key that says which layout this Redis has. Chats have longer tags. */
export const LAYOUT_TAG = 'layout'

/** The first key of a chat and the name of its channel. */
export function chatKey(tag: string): string {
  return `silly-chat:{${tag}}`
}

/** The tag in the name of a channel. */
export function tagIn(channel: string): string {
  return channel.slice('silly-chat:{'.length, -1)
}

/** The keys of a chat, in the order in which the scripts expect them. */
export function keysOf(tag: string): string[] {
  const chat = chatKey(tag)
  return [chat, ...['messages', 'joins', 'posts', 'requests', 'changes', 'kept'].map((part) => `${chat}:${part}`)]
}
