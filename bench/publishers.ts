/** Creates chats, and posts to one as fast as the server answers. */
import { Agent, request } from 'node:http'
import { z } from 'zod'

export interface OwnChat {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

export interface Burst {
  readonly publishers: number
  /** Ends when `most` or `forMs` is reached. */
  readonly most: number
  readonly forMs: number
}

/** The message that all measurements post. */
export const BODY = JSON.stringify({ text: 'm'.repeat(120) })

const ANSWER_MS = 10_000
const newChat = z.object({ chat: z.url(), author_id: z.uuid() })

export async function createChat(server: string): Promise<OwnChat> {
  const response = await fetch(`${server}/v1/chats`, { method: 'POST', signal: AbortSignal.timeout(ANSWER_MS) })
  const { chat, author_id } = newChat.parse(await response.json())
  return { url: chat, headers: { authorization: `Bearer ${author_id}`, 'content-type': 'application/json' } }
}

/** @returns how many messages were posted */
export async function post(chat: OwnChat, { publishers, most, forMs }: Burst): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: publishers })
  const endsAt = performance.now() + forMs
  let begun = 0
  async function publish(): Promise<void> {
    while (begun < most && performance.now() < endsAt) {
      begun += 1
      await postOne(chat, agent)
    }
  }
  try {
    await Promise.all(Array.from({ length: publishers }, publish))
  } finally {
    agent.destroy()
  }
  return begun
}

function postOne({ url, headers }: OwnChat, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers, timeout: ANSWER_MS }, (response) => {
      response.resume()
      response.once('end', resolve)
      if (response.statusCode !== 201) reject(new Error(`A post was answered with ${response.statusCode}.`))
    })
    sent.once('error', (error) => reject(new Error(`A post was not answered: ${error.message}.`)))
    sent.once('timeout', () => sent.destroy(new Error('it took too long')))
    sent.end(BODY)
  })
}
