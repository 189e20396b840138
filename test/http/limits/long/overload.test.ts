/** An overloaded server refuses new requests at once, and keeps its streams. */
import { expect, it } from 'vitest'
import { call, createChat, post } from '../../../support/api.ts'
import { startServer } from '../../../support/server.ts'
import { openReady } from '../../../support/streams.ts'

/** Longer than the accepted delay of the event loop. */
const HELD_UP_MS = 1500

function holdUp(): void {
  for (const end = performance.now() + HELD_UP_MS; performance.now() < end; );
}

it('new requests are refused while the event loop is late, and streams go on', async () => {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  const stream = await openReady(chat, owner)
  let refused = await call(`POST ${server.url}/v1/chats`)
  while (refused.status === 201) {
    holdUp()
    // The server's own measurement comes first; one pause refuses nobody.
    await new Promise((resolve) => setTimeout(resolve, 1))
    refused = await call(`POST ${server.url}/v1/chats`)
  }
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, expect.any(String)])
  expect(await refused.text()).toContain('urn:silly-chat:overloaded')
  expect((await call(`${server.url}/health`)).status).toBe(200)
  expect((await call(`${chat}/events`, { user: owner })).status).toBe(503)
  expect((await call(`${server.url}/ready`)).status).toBe(200)
  while ((await call(`POST ${server.url}/v1/chats`)).status !== 201)
    await new Promise((resolve) => setTimeout(resolve, 50))
  await post(chat, owner, 'hello')
  expect((await stream.next())?.data).toMatchObject({ text: 'hello' })
})

it('a single pause refuses nobody', async () => {
  const server = await startServer()
  holdUp()
  for (let count = 0; count < 20; count++) {
    expect((await call(`POST ${server.url}/v1/chats`)).status).toBe(201)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
})
