/**
 * A minimal chat server on Fastify alone: JSON schemas for requests and answers (Fastify's own way, and faster than a type
 * provider's serializer), and `res.write` on the hijacked response for streams. It lacks the same features as
 * `bare-http.ts`, except for Fastify's limit on bodies.
 */
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { type BareChat, createBareChat, findBareChat, follow, publish } from './bare-chat.ts'

interface ChatRoute {
  Params: { id: string }
}

const string = { type: 'string' }
const integer = { type: 'integer' }
const text = { type: 'string', minLength: 1, maxLength: 4000 }
const params = { type: 'object', properties: { id: string }, required: ['id'] }
const message = { type: 'object', properties: { id: integer, text: string, created_at: string } }
const newChat = { type: 'object', properties: { chat: string, author_id: string, events: string } }
const body = { type: 'object', properties: { text }, required: ['text'] }
const history = {
  type: 'object',
  properties: {
    chat: string,
    messages: { type: 'array', items: message },
    last_event_id: integer,
    has_more: { type: 'boolean' }
  }
}

/** If the request is refused, answers it and returns undefined. */
function chatOf({ params, headers }: FastifyRequest<ChatRoute>, reply: FastifyReply): BareChat | undefined {
  const chat = findBareChat(params.id, headers.authorization)
  if (typeof chat !== 'number') return chat
  reply.code(chat).send({ status: chat })
  return undefined
}

const app = Fastify()

app.post('/v1/chats', { schema: { response: { 201: newChat } } }, async ({ host }, reply) =>
  reply.code(201).send(createBareChat(host))
)

app.post<ChatRoute & { Body: { text: string } }>(
  '/v1/chats/:id',
  { schema: { params, body, response: { 201: message } } },
  async (request, reply) => {
    const chat = chatOf(request, reply)
    return chat === undefined ? reply : reply.code(201).send(publish(chat, request.body.text))
  }
)

app.get<ChatRoute>('/v1/chats/:id', { schema: { params, response: { 200: history } } }, async (request, reply) => {
  const chat = chatOf(request, reply)
  if (chat === undefined) return reply
  const { messages } = chat
  return { chat: request.params.id, messages, last_event_id: messages.length, has_more: false }
})

app.get<ChatRoute>('/v1/chats/:id/events', { schema: { params } }, async (request, reply) => {
  const chat = chatOf(request, reply)
  if (chat === undefined) return reply
  reply.hijack()
  follow(chat, reply.raw)
})

process.stdout.write(`listens on ${await app.listen({ host: '127.0.0.1', port: 0 })}\n`)
