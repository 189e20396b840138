import { expect, it } from 'vitest'
import { exchangeBytes, parseAnswer } from '../../../support/raw.ts'
import { startServer } from '../../../support/server.ts'

it('a request whose head or body does not arrive in time is 408', async () => {
  const server = await startServer()
  expect([server.app.server.requestTimeout, server.app.server.headersTimeout]).toEqual([30_000, 30_000])
  server.app.server.requestTimeout = 100
  server.app.server.headersTimeout = 100
  const late = ['GET /health HTTP/1.1\r\nHost:', 'POST /v1/chats HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{']
  const answers = await Promise.all(late.map((bytes) => exchangeBytes(server.port, bytes)))
  for (const answer of answers) {
    expect(parseAnswer(answer).status).toBe(408)
    expect(answer).toContain('urn:silly-chat:request-timeout')
  }
})
