/**
 * Sends JSON that is already encoded, without the type provider's serializer, which would parse, check and encode it again.
 * The answers of one turn of the event loop are written together at its end: docs/decisions/end-of-turn-batching.md.
 */
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { roomForMore } from '../../streams/drained.ts'
import { hijack } from './hijack.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

export async function sendJson(reply: FastifyReply, status: number, json: string): Promise<void> {
  await endOfTurn()
  reply.code(status).header('content-type', JSON_TYPE).send(json)
}

/** One JSON text in parts: what comes first, pages of what is in the middle, and what comes last. */
export interface JsonPages {
  readonly start: string
  readonly first: readonly Uint8Array[]
  /** The pages after the first, each with a comma before it; undefined for none. */
  readonly rest: AsyncIterable<readonly Uint8Array[]> | undefined
  /** Called after the last page. */
  readonly end: () => string
}

/**
 * Sends a JSON text without joining its parts. Each page is read after the client has taken the one before. `hold` is called
 * for an answer that the client does not take at once; the function that it returns is called when it has.
 * @throws what `hold` throws, if nothing has been sent yet; otherwise the answer is cut off
 */
export async function sendJsonPages(
  reply: FastifyReply,
  { start, first, rest, end }: JsonPages,
  hold: () => () => void
): Promise<void> {
  await endOfTurn()
  reply.header('content-type', JSON_TYPE)
  if (rest === undefined) sendWhole(reply, [start, ...first, end()], hold)
  else await sendPages(reply, { start, first, rest, end }, hold)
}

function sendWhole(reply: FastifyReply, parts: readonly (string | Uint8Array)[], hold: () => () => void): void {
  const length = parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0)
  reply.header('content-length', length)
  const { response, headers } = hijack(reply)
  if (response.destroyed) return
  response.writeHead(200, headers)
  response.cork()
  for (const part of parts) response.write(part)
  response.end()
  if (isTaken(response)) return
  try {
    response.once('close', hold())
  } catch {
    // A Problem: this client has too many answers that it does not take.
    response.destroy()
  }
}

async function sendPages(
  reply: FastifyReply,
  { start, first, rest, end }: JsonPages & { readonly rest: AsyncIterable<readonly Uint8Array[]> },
  hold: () => () => void
): Promise<void> {
  const release = hold()
  const { response, headers } = hijack(reply)
  response.once('close', release)
  if (!(await isItsTurn(response))) return
  response.writeHead(200, headers)
  response.write(start)
  try {
    await writePage(response, first)
    for await (const page of rest) {
      if (response.destroyed) return
      await writePage(response, page)
    }
    response.end(end())
  } catch (error) {
    reply.log.error({ err: error }, 'an answer was cut off, because the store failed')
    response.destroy()
  }
}

function isTaken({ socket }: ServerResponse): boolean {
  return socket !== null && socket.writableLength === 0
}

/** Waits for the answers to earlier requests on the same connection. False: the client has disconnected. */
function isItsTurn(response: ServerResponse): Promise<boolean> {
  if (response.socket !== null || response.destroyed) return Promise.resolve(!response.destroyed)
  return new Promise((resolve) => {
    response.once('socket', () => resolve(true))
    response.once('close', () => resolve(false))
  })
}

/** Resolves when the client has taken most of the page, or has disconnected, and other work has had its turn. */
function writePage(response: ServerResponse, page: readonly Uint8Array[]): Promise<void> {
  // Not corked: from Node 24 on, a response that was corked does not say that it needs to drain.
  for (const part of page) response.write(part)
  return roomForMore(response)
}

let end: Promise<void> | undefined

/** The same promise for all callers in one turn. */
function endOfTurn(): Promise<void> {
  end ??= new Promise((resolve) => {
    setImmediate(() => {
      end = undefined
      resolve()
    })
  })
  return end
}
