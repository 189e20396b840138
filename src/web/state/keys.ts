/**
 * The user ids of this browser's chats and pending requests, by the path of the chat or link. They are stored nowhere
 * else: without its user id, a person cannot access a chat. Each has its own name in the storage, because two tabs that
 * changed one list at the same time would lose an entry.
 */
import type { ChatKey, SpareKey } from './keyring.ts'
import { drop, dropAllOf, namesUnder, readJson, writeJson } from './storage.ts'

export interface RequestKey {
  readonly clientId: string
  readonly requestId: string
  readonly name: string
  /** When they asked, in milliseconds since the Unix epoch; undefined in keys of earlier versions. */
  readonly askedAt?: number
}

/** A stored value, which can be damaged or from another version. */
type Unchecked<Stored> = { readonly [Name in keyof Stored]?: unknown }

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const CHATS = 'silly-chat:chat'
const REQUESTS = 'silly-chat:request'

export function chatKey(path: string): ChatKey | undefined {
  const stored: Unchecked<ChatKey> = readJson(`${CHATS}:${path}`) ?? {}
  const key = readSpare(stored)
  if (key === undefined) return undefined
  const { since, spare, others } = stored
  return {
    ...key,
    since: typeof since === 'number' ? since : 0,
    ...(Array.isArray(spare) && { spare: spare.map(readSpare).filter((one) => one !== undefined) }),
    ...(Array.isArray(others) && { others: others.filter((other) => typeof other === 'string') })
  }
}

function readSpare(stored: Unchecked<SpareKey> | null): SpareKey | undefined {
  const { userId, name, link, hasEnded } = stored ?? {}
  if (typeof userId !== 'string') return undefined
  return {
    userId,
    name: textOf(name),
    ...(typeof link === 'string' && { link }),
    ...(hasEnded === true && { hasEnded })
  }
}

export function requestKey(path: string): RequestKey | undefined {
  const { clientId, requestId, name, askedAt }: Unchecked<RequestKey> = readJson(`${REQUESTS}:${path}`) ?? {}
  if (typeof clientId !== 'string' || typeof requestId !== 'string') return undefined
  return { clientId, requestId, name: textOf(name), ...(typeof askedAt === 'number' && { askedAt }) }
}

/** The path of the chat that a link leads to, if this browser's user is a member. */
export function chatBehind(linkPath: string): string | undefined {
  return livingChats().find(([path]) => isBehind(linkPath, path))?.[0]
}

/** The chat that a link leads to, if this browser's user was a member. */
export function endedChatBehind(linkPath: string): [path: string, key: ChatKey] | undefined {
  return allChats().find(([path, { hasEnded }]) => hasEnded === true && isBehind(linkPath, path))
}

export function saveChat(path: string, key: ChatKey): void {
  writeJson(`${CHATS}:${path}`, key)
  // Asks the browser not to evict the storage. A TypeError (forbidden) is no loss: this is only a request.
  navigator.storage?.persist?.().catch(() => undefined)
}

export function saveRequest(path: string, key: RequestKey): void {
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

/** The chats of this browser that have not ended as far as it knows, the latest last. */
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

/** The id of a chat and the ids of its links begin with the same tag. */
function isBehind(linkPath: string, chatPath: string): boolean {
  return idOf(chatPath).startsWith(idOf(linkPath).slice(0, TAG_LENGTH))
}

const idOf = (path: string): string => path.split('/').at(-1) ?? ''
