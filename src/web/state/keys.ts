/**
 * What this browser knows: the user ids of its chats and of its waiting requests. They are kept here and nowhere else,
 * by the path of the chat or link, so that losing them is losing the chat. Each has a name of its own in the storage:
 * two tabs that change a list of all at once would lose what one of them has added.
 */
import { drop, dropAllOf, namesUnder, readJson, writeJson } from './storage.ts'

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

/** As it was kept: by another version, perhaps, or damaged. */
type Unchecked<Kept> = { readonly [Name in keyof Kept]?: unknown }

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const CHATS = 'silly-chat:chat'
const REQUESTS = 'silly-chat:request'

export function chatKey(path: string): ChatKey | undefined {
  const { userId, name, since, link, hasEnded, others }: Unchecked<ChatKey> = readJson(`${CHATS}:${path}`) ?? {}
  if (typeof userId !== 'string') return undefined
  return {
    userId,
    name: textOf(name),
    since: typeof since === 'number' ? since : 0,
    ...(typeof link === 'string' && { link }),
    ...(hasEnded === true && { hasEnded }),
    ...(Array.isArray(others) && { others: others.filter((other) => typeof other === 'string') })
  }
}

export function requestKey(path: string): RequestKey | undefined {
  const { clientId, requestId, name }: Unchecked<RequestKey> = readJson(`${REQUESTS}:${path}`) ?? {}
  if (typeof clientId !== 'string' || typeof requestId !== 'string') return undefined
  return { clientId, requestId, name: textOf(name) }
}

/** The path of a chat that a link leads to, if this browser is in it. */
export function chatBehind(linkPath: string): string | undefined {
  return livingChats().find(([path]) => isBehind(linkPath, path))?.[0]
}

/** The chat that a link leads to, if this browser was in it once. */
export function endedChatBehind(linkPath: string): [path: string, key: ChatKey] | undefined {
  return allChats().find(([path, { hasEnded }]) => hasEnded === true && isBehind(linkPath, path))
}

export function keepChat(path: string, key: ChatKey): void {
  writeJson(`${CHATS}:${path}`, key)
  // Browsers clear what they take for a cache; some ask the person, most decide by themselves. Where it is forbidden
  // (TypeError) nothing is lost: it is only a wish.
  navigator.storage?.persist?.().catch(() => undefined)
}

export function keepRequest(path: string, key: RequestKey): void {
  writeJson(`${REQUESTS}:${path}`, key)
}

export function forgetChat(path: string): void {
  drop(`${CHATS}:${path}`)
  dropAllOf(path)
}

export function forgetRequest(path: string): void {
  drop(`${REQUESTS}:${path}`)
}

export function changeChat(path: string, changed: Partial<ChatKey>): void {
  const key = chatKey(path)
  if (key !== undefined) writeJson(`${CHATS}:${path}`, { ...key, ...changed })
}

/** The chats that this browser is in, as far as it knows, the latest last. */
export function livingChats(): [path: string, key: ChatKey][] {
  return allChats()
    .filter(([, { hasEnded }]) => hasEnded !== true)
    .sort(([, one], [, other]) => one.since - other.since)
}

function allChats(): [path: string, key: ChatKey][] {
  const paths = namesUnder(CHATS).map((name) => name.slice(CHATS.length + 1))
  return paths.flatMap((path): [string, ChatKey][] => {
    const key = chatKey(path)
    return key === undefined ? [] : [[path, key]]
  })
}

const TAG_LENGTH = 12

/** Ids of one chat begin alike. */
function isBehind(linkPath: string, chatPath: string): boolean {
  return idOf(chatPath).startsWith(idOf(linkPath).slice(0, TAG_LENGTH))
}

const idOf = (path: string): string => path.split('/').at(-1) ?? ''
