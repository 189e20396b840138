/** The product as its users call it. */
import { z } from 'zod'
import { newChat } from '../../src/schemas/chats.ts'
import { exchange, link } from '../../src/schemas/links.ts'

interface Call {
  readonly user?: string | undefined
  /** Sent as JSON. */
  readonly json?: unknown
  readonly headers?: Record<string, string>
}

const METHOD = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /

/** `call('POST http://…', …)`; GET where no method is named, or POST where JSON is sent. */
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

export async function createLink(chat: string, user?: string): Promise<string> {
  const answer = await call(new URL('/v1/links', chat).href, { json: { chat }, user })
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

/** A chat with its owner, a link, and a guest who is in. */
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

/** What a refusal says, without its sentences. */
export async function problemOf(answer: Response) {
  const body = z.looseObject({ type: z.string(), title: z.string(), status: z.int(), detail: z.string().min(1) })
  const problem = body.parse(await answer.json())
  return {
    ...problem,
    kind: problem.type.replace('urn:silly-chat:', ''),
    contentType: answer.headers.get('content-type')
  }
}

/** `[status, kind]` of a refusal. */
export async function refusal(answer: Response): Promise<[number, string]> {
  const { status, kind } = await problemOf(answer)
  if (status !== answer.status) throw new Error(`status ${answer.status} in the header, ${status} in the body`)
  return [status, kind]
}
