/** Ways to fetch that bring what no server of ours sends. */
import { type Chat, createChat, Guest, knock } from '../../src/client/index.ts'
import { startServer } from '../support/server.ts'

export const STREAM = { 'content-type': 'text/event-stream; charset=utf-8' }

export type Fetch = typeof fetch
/** Answers the calls for a stream and those for anything else, each in its own way. */
export const split =
  (onStream: Fetch, onRest: Fetch = fetch): Fetch =>
  (input, init) =>
    (`${input}`.endsWith('/events') ? onStream : onRest)(input, init)
export const always =
  (body: string | null, init: ResponseInit = {}): Fetch =>
  async () =>
    new Response(body, init)

/** Somebody at the door of a server, whose own requests go through `wrap`. */
export async function atTheDoor(wrap: (owner: Chat, requestId: string) => Fetch) {
  const server = await startServer()
  const owner = await createChat(server.url)
  const { link } = await owner.invite()
  const { clientId, requestId } = await knock(link, { name: 'Ana' })
  return { owner, link, requestId, guest: new Guest(link, clientId, requestId, { fetch: wrap(owner, requestId) }) }
}
