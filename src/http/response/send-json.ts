/**
 * Sends JSON that is already encoded, without the type provider's serializer, which would parse, check and encode it again.
 * The answers of one turn of the event loop are written together at its end: docs/decisions/end-of-turn-batching.md.
 */
import type { FastifyReply } from 'fastify'
import { hijack } from './hijack.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

export async function sendJson(reply: FastifyReply, status: number, json: string): Promise<void> {
  await endOfTurn()
  reply.code(status).header('content-type', JSON_TYPE).send(json)
}

/** Sends the parts of one JSON text without joining them: a history of megabytes is not copied. */
export async function sendJsonParts(
  reply: FastifyReply,
  start: string,
  middle: readonly Uint8Array[],
  end: string
): Promise<void> {
  await endOfTurn()
  const ends = Buffer.byteLength(start) + Buffer.byteLength(end)
  const length = middle.reduce((sum, part) => sum + part.length, ends)
  reply.headers({ 'content-type': JSON_TYPE, 'content-length': length })
  const { response, headers } = hijack(reply)
  if (response.destroyed) return
  response.writeHead(200, headers)
  response.cork()
  response.write(start)
  for (const part of middle) response.write(part)
  response.end(end)
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
