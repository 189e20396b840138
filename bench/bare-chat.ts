/** The state of both bare servers: chats in memory, and `res.write` to every reader of a chat. */
import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'

export interface BareMessage {
  readonly id: number
  readonly text: string
  readonly created_at: string
}

export interface BareChat {
  readonly author: string
  readonly messages: BareMessage[]
  readonly readers: Set<ServerResponse>
}

const chats = new Map<string, BareChat>()

export function createBareChat(host: string) {
  const id = randomUUID()
  const author = randomUUID()
  chats.set(id, { author, messages: [], readers: new Set() })
  const chat = `http://${host}/v1/chats/${id}`
  return { chat, author_id: author, events: `${chat}/events` }
}

/** The chat, or the status of the refusal. */
export function findBareChat(id: string, authorization: string | undefined): BareChat | 401 | 403 | 404 {
  if (authorization === undefined) return 401
  const chat = chats.get(id)
  if (chat === undefined) return 404
  return authorization === `Bearer ${chat.author}` ? chat : 403
}

export function publish({ messages, readers }: BareChat, text: string): BareMessage {
  const message = { id: messages.length + 1, text, created_at: new Date().toISOString() }
  messages.push(message)
  const frame = `id: ${message.id}\nevent: message\ndata: ${JSON.stringify(message)}\n\n`
  for (const reader of readers) reader.write(frame)
  return message
}

export function follow({ readers }: BareChat, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.write(': welcome\n\n')
  readers.add(response)
  response.on('close', () => readers.delete(response))
}
