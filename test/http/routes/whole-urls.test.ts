/** A path parameter is an id or a whole percent-encoded URL, which generated clients send. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import {
  call,
  createChat,
  createChatWithMember,
  createHandover,
  createLink,
  idIn,
  knock,
  refusal
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'

const { paths }: { paths: Record<string, object> } = JSON.parse(
  readFileSync(new URL('../../../openapi/openapi.json', import.meta.url), 'utf8')
)
const OPERATIONS = Object.entries(paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
)

it.each(OPERATIONS.filter((operation) => operation.includes('{')))('%s accepts a whole URL', async (operation) => {
  const server = await startServer()
  const { chat, owner, link, member } = await createChatWithMember(server)
  const isGuests = /(events|request)$/.test(operation) && operation.includes('{link}')
  const target = operation
    .replace(' ', ` ${server.url}`)
    .replace('{chat}', encodeURIComponent(chat))
    .replace('{link}', encodeURIComponent(link))
    .replace('{handover}', encodeURIComponent(await createHandover(server)))
  const answer = await call(target, {
    user: isGuests ? member : owner,
    ...(operation.startsWith('POST') && { json: { text: 'hello' } })
  })
  expect(answer.ok, `${answer.status}`).toBe(true)
  await answer.body?.cancel()
})

it('the host, a trailing slash, the query and the fragment of a whole URL are ignored', async () => {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  const opaque = idIn(chat)
  for (const url of [
    `${chat}/`,
    `${chat}?a=b`,
    `${chat}#a`,
    `https://chat.example/silly/v1/chats/${opaque}`,
    `HTTP://localhost/v1/chats/${opaque}`
  ]) {
    const answer = await call(`${server.url}/v1/chats/${encodeURIComponent(url)}`, { user: owner })
    expect([url, answer.status, await answer.json()]).toMatchObject([url, 200, { chat }])
  }
})

it('a URL of something else is 404 and records no request', async () => {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  await knock(link)
  for (const url of [link, `${chat}/events`, 'https://chat.example/', server.url]) {
    const answer = await call(`${server.url}/v1/chats/${encodeURIComponent(url)}`, { user: owner })
    expect([url, await refusal(answer)]).toEqual([url, [404, 'chat-not-found']])
  }
  for (const url of [chat, `${link}/events`]) {
    const answer = await call(`${server.url}/v1/links/${encodeURIComponent(url)}`)
    expect([url, await refusal(answer)]).toEqual([url, [404, 'link-not-found']])
  }
})
