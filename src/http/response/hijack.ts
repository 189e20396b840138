/** How a route answers past Fastify without losing what its hooks have set. */
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

/** From here on the answer is the caller's: its response, and its headers as a list of names and values in turn. */
export function hijack(reply: FastifyReply): { response: ServerResponse; headers: string[] } {
  const headers = Object.entries(reply.getHeaders()).flatMap(([name, value]) => [name, `${value}`])
  return { response: reply.hijack().raw, headers }
}
