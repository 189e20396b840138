/** The routes that are live streams: their connections are long, and most of their clients are EventSources. */
import type { FastifyRequest } from 'fastify'

export const STREAM_ROUTES = { chat: '/v1/chats/:chat/events', guest: '/v1/links/:link/events' } as const

const ROUTES: ReadonlySet<string | undefined> = new Set(Object.values(STREAM_ROUTES))

export function isForStream({ method, routeOptions }: FastifyRequest): boolean {
  return method === 'GET' && ROUTES.has(routeOptions.url)
}
