/** The API as clients call it. */
import { z } from 'zod'
import { newChat } from '../../src/wire/schemas/chats.ts'
import { newHandover } from '../../src/wire/schemas/handovers.ts'
import { joinRequests } from '../../src/wire/schemas/join-requests.ts'
import { exchange, link, links } from '../../src/wire/schemas/links.ts'

interface Call {
  readonly user?: string | undefined
  /** Sent as JSON. */
  readonly json?: unknown
  readonly headers?: Record<string, string>
}

/** A user id that the server has never made. */
export const STRANGER = '406a3207-a070-4411-b9b6-8527c0c19c7e'

const METHOD = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /

/** `call('POST http://…', …)`. The method is GET by default, or POST if there is JSON to send. */
export function call(target: string, { user, json, headers = {} }: Call = {}): Promise<Response> {
  const method = METHOD.exec(target)?.[1] ?? (json === undefined ? 'GET' : 'POST')
  const sent = { ...(user !== undefined && { authorization: `Bearer ${user}` }), ...headers }
  if (json === undefined) return fetch(target.replace(METHOD, ''), { method, headers: sent })
  return fetch(target.replace(METHOD, ''), {
    method,
    headers: { 'content-type': 'application/json', ...sent },
    body: JSON.stringify(json)
  })
}

export async function createChat(server: { url: string }): Promise<{ chat: string; owner: string }> {
  const answer = await call(`POST ${server.url}/v1/chats`)
  const { chat, author_id } = newChat.parse(await answer.json())
  return { chat, owner: author_id }
}

/** The URL of a new handover. */
export async function createHandover(server: { url: string }, sealed = 'c2VhbGVk'): Promise<string> {
  const answer = await call(`${server.url}/v1/handovers`, { json: { sealed } })
  return newHandover.parse(await answer.json()).handover
}

interface LinkLimits {
  readonly expires_in?: number
  readonly max_guests?: number
}

export async function createLink(chat: string, user?: string, limits: LinkLimits = {}): Promise<string> {
  const answer = await call(new URL('/v1/links', chat).href, { json: { chat, ...limits }, user })
  return link.parse(await answer.json()).link
}

export interface Guest {
  readonly client: string
  readonly requestId: string
}

export async function knock(linkUrl: string, name?: string): Promise<Guest> {
  const answer = await call(name === undefined ? linkUrl : `${linkUrl}?name=${encodeURIComponent(name)}`)
  const { client_id, request_id } = exchange.parse(await answer.json())
  return { client: z.string().parse(client_id), requestId: z.string().parse(request_id) }
}

export function approve(linkUrl: string, owner: string, requestId?: string): Promise<Response> {
  return call(new URL('/v1/approval', linkUrl).href, { user: owner, json: { link: linkUrl, request_id: requestId } })
}

export function decline(linkUrl: string, owner: string, requestId?: string): Promise<Response> {
  const json = { link: linkUrl, request_id: requestId, approval_status: false }
  return call(new URL('/v1/approval', linkUrl).href, { user: owner, json })
}

/** The join requests of a chat, oldest first. */
export async function requestsOf(chat: string, owner: string) {
  const answer = await call(`${chat}/join-requests`, { user: owner })
  return joinRequests.parse(await answer.json()).join_requests
}

/** The links of a chat, oldest first. */
export async function linksOf(chat: string, owner: string) {
  const answer = await call(`${chat}/links`, { user: owner })
  return links.parse(await answer.json()).links
}

/** A chat with its owner, a link, and two pending guests. */
export async function createChatWithWaiting(server: { url: string }, limits: LinkLimits = {}) {
  const { chat, owner } = await createChat(server)
  const linkUrl = await createLink(chat, owner, limits)
  return { chat, owner, link: linkUrl, ana: await knock(linkUrl, 'Ana'), ben: await knock(linkUrl, 'Ben') }
}

/** A chat with its owner, a link, and a member. */
export async function createChatWithMember(server: { url: string }) {
  const { chat, owner } = await createChat(server)
  const linkUrl = await createLink(chat, owner)
  const guest = await knock(linkUrl, 'Ana')
  await approve(linkUrl, owner, guest.requestId)
  return { chat, owner, link: linkUrl, member: guest.client, requestId: guest.requestId }
}

export async function post(chat: string, user: string, text: string): Promise<number> {
  const answer = await call(chat, { user, json: { text } })
  return z.object({ id: z.int() }).parse(await answer.json()).id
}

export async function readTexts(chat: string, user: string): Promise<string[]> {
  const answer = await call(chat, { user })
  return z
    .object({ messages: z.array(z.object({ text: z.string() })) })
    .parse(await answer.json())
    .messages.map(({ text }) => text)
}

/** The id at the end of the URL of a chat or a link. */
export function idIn(url: string): string {
  return new URL(url).pathname.split('/').at(-1) ?? ''
}

/** A refusal's problem details. */
export async function problemOf(answer: Response) {
  const body = z.looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().min(1),
    errors: z.array(z.object({ path: z.string(), message: z.string().min(1) })).optional(),
    state: z.string().optional(),
    request_id: z.string().optional(),
    client_id: z.string().optional()
  })
  const problem = body.parse(await answer.json())
  return {
    ...problem,
    kind: problem.type.replace('urn:silly-chat:', ''),
    contentType: answer.headers.get('content-type')
  }
}

/** The refusal of a guest whose request has ended: `[status, kind, state, request_id, client_id]`. */
export async function endingOf(answer: Response): Promise<unknown[]> {
  const { kind, state, request_id, client_id } = await problemOf(answer)
  return [answer.status, kind, state, request_id, client_id]
}

/** `[status, kind]` of a refusal. */
export async function refusal(answer: Response): Promise<[number, string]> {
  const { status, kind } = await problemOf(answer)
  if (status !== answer.status) throw new Error(`status ${answer.status} in the header, ${status} in the body`)
  return [status, kind]
}
