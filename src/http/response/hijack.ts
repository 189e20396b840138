/** How a route answers without Fastify and keeps the headers that hooks have set. */
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

/** Hands the response to the caller, and the headers as a list of alternating names and values. */
export function hijack(reply: FastifyReply): { response: ServerResponse; headers: string[] } {
  const headers = Object.entries(reply.getHeaders()).flatMap(([name, value]) => [name, `${value}`])
  return { response: reply.hijack().raw, headers }
}
