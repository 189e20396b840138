/**
 * What this browser knows: the user ids of its chats and of its waiting requests. They are kept here and nowhere else,
 * by the path of the chat or link, so that losing them is losing the chat.
 */
import { dropAllOf, readJson, writeJson } from './storage.ts'

export interface ChatKey {
  readonly userId: string
  /** What this person is called in the chat; empty for nobody in particular. */
  readonly name: string
  /** When this browser came to know it, in milliseconds since the Unix epoch. */
  readonly since: number
  /** The path of the link this guest came through, for leaving; the owner has none. */
  readonly link?: string | undefined
  /** The key opens nothing any more, as far as is known: an owner may let somebody in again. */
  readonly hasEnded?: boolean
  /** Who else was last heard there, to tell one chat from another. */
  readonly others?: readonly string[]
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

/** The path of a chat that a link leads to, if this browser is in it. */
export function chatBehind(linkPath: string): string | undefined {
  return livingChats().find(([path]) => isBehind(linkPath, path))?.[0]
}

/** The chat that a link leads to, if this browser was in it once. */
export function endedChatBehind(linkPath: string): [path: string, key: ChatKey] | undefined {
  return Object.entries(load().chats).find(([path, { hasEnded }]) => hasEnded === true && isBehind(linkPath, path))
}

export function keepChat(path: string, key: ChatKey): void {
  change((kept) => ({ ...kept, chats: { ...kept.chats, [path]: key } }))
  // Browsers clear what they take for a cache; some ask the person, most decide by themselves.
  navigator.storage?.persist?.().catch(() => undefined)
}

export function keepRequest(path: string, key: RequestKey): void {
  change((kept) => ({ ...kept, requests: { ...kept.requests, [path]: key } }))
}

export function forgetChat(path: string): void {
  change(({ chats: { [path]: _, ...chats }, ...kept }) => ({ ...kept, chats }))
  dropAllOf(path)
}

export function forgetRequest(path: string): void {
  change(({ requests: { [path]: _, ...requests }, ...kept }) => ({ ...kept, requests }))
}

export function changeChat(path: string, changed: Partial<ChatKey>): void {
  const key = chatKey(path)
  if (key !== undefined) change((kept) => ({ ...kept, chats: { ...kept.chats, [path]: { ...key, ...changed } } }))
}

/** The chats that this browser is in, as far as it knows, the latest last. */
export function livingChats(): [path: string, key: ChatKey][] {
  return Object.entries(load().chats).filter(([, { hasEnded }]) => hasEnded !== true)
}

const TAG_LENGTH = 12

/** Ids of one chat begin alike. */
function isBehind(linkPath: string, chatPath: string): boolean {
  return idOf(chatPath).startsWith(idOf(linkPath).slice(0, TAG_LENGTH))
}

const idOf = (path: string): string => path.split('/').at(-1) ?? ''

function load(): Kept {
  const kept: Partial<Kept> = readJson(STORAGE) ?? {}
  return { chats: kept.chats ?? {}, requests: kept.requests ?? {} }
}

function change(decide: (kept: Kept) => Kept): void {
  writeJson(STORAGE, decide(load()))
}
