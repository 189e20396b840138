/**
 * A minimal chat server on node:http alone. It has no links, guests and approval, resuming by `Last-Event-ID`, paging and
 * long polling, heartbeats, limits of any kind (buffers for slow readers and request bodies are unbounded),
 * `Idempotency-Key`, problem details, CORS, log, support for browsers, or graceful shutdown.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createBareChat, findBareChat, follow, publish } from './bare-chat.ts'

const PATH = /^\/v1\/chats\/([^/]+)(\/events)?$/
const MAX_TEXT = 4000

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
  response.end(JSON.stringify(body))
}

async function readText(request: IncomingMessage): Promise<string | undefined> {
  request.setEncoding('utf8')
  let json = ''
  for await (const part of request) json += part
  const body: unknown = JSON.parse(json)
  if (typeof body !== 'object' || body === null || !('text' in body) || typeof body.text !== 'string') return undefined
  return body.text.length >= 1 && body.text.length <= MAX_TEXT ? body.text : undefined
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '', headers } = request
  if (method === 'POST' && url === '/v1/chats') return send(response, 201, createBareChat(headers.host ?? ''))
  const [, id = '', events] = PATH.exec(url) ?? []
  const chat = findBareChat(id, headers.authorization)
  if (typeof chat === 'number') return send(response, chat, { status: chat })
  if (events !== undefined) return follow(chat, response)
  if (method === 'GET') {
    const { messages } = chat
    return send(response, 200, { chat: id, messages, last_event_id: messages.length, has_more: false })
  }
  const text = await readText(request)
  if (text === undefined) return send(response, 400, { status: 400 })
  send(response, 201, publish(chat, text))
}

const server = createServer((request, response) => {
  answer(request, response).catch(() => send(response, 400, { status: 400 }))
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object') process.stdout.write(`listens on http://127.0.0.1:${address?.port}\n`)
})
