/**
 * What this browser knows: the user ids of its chats and of its waiting requests. They are kept here and nowhere else,
 * by the path of the chat or link, so that losing them is losing the chat.
 */
export interface ChatKey {
  readonly userId: string
  /** What this person is called in the chat; empty for nobody in particular. */
  readonly name: string
  /** When this browser came to know it, in milliseconds since the Unix epoch. */
  readonly since: number
  /** The URL of the link this guest came through, for leaving. */
  readonly link?: string
}

export interface RequestKey {
  readonly clientId: string
  readonly requestId: string
  readonly name: string
}

interface Kept {
  readonly chats: Record<string, ChatKey>
  readonly requests: Record<string, RequestKey>
}

const STORAGE = 'silly-chat'

export function chatKey(path: string): ChatKey | undefined {
  return load().chats[path]
}

export function requestKey(path: string): RequestKey | undefined {
  return load().requests[path]
}

/** The path of a chat that a link leads to, if this browser is in it: ids of one chat begin alike. */
export function chatBehind(linkPath: string): string | undefined {
  const tag = idOf(linkPath).slice(0, TAG_LENGTH)
  return Object.keys(load().chats).find((path) => idOf(path).startsWith(tag))
}

export function keepChat(path: string, key: ChatKey): void {
  change((kept) => ({ ...kept, chats: { ...kept.chats, [path]: key } }))
}

export function keepRequest(path: string, key: RequestKey): void {
  change((kept) => ({ ...kept, requests: { ...kept.requests, [path]: key } }))
}

export function forgetChat(path: string): void {
  change(({ chats: { [path]: _, ...chats }, ...kept }) => ({ ...kept, chats }))
}

export function forgetRequest(path: string): void {
  change(({ requests: { [path]: _, ...requests }, ...kept }) => ({ ...kept, requests }))
}

/** All chats of this browser, the latest last. */
export function allChats(): [path: string, key: ChatKey][] {
  return Object.entries(load().chats)
}

const TAG_LENGTH = 12

const idOf = (path: string): string => path.split('/').at(-1) ?? ''

function load(): Kept {
  const text = localStorage.getItem(STORAGE)
  const kept: Partial<Kept> = text === null ? {} : JSON.parse(text)
  return { chats: kept.chats ?? {}, requests: kept.requests ?? {} }
}

function change(decide: (kept: Kept) => Kept): void {
  localStorage.setItem(STORAGE, JSON.stringify(decide(load())))
}
