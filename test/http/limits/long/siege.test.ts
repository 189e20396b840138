/** Attacks of one network, and what they leave for others. */
import { expect, it } from 'vitest'
import { OTHER_REQUESTS } from '../../../../src/http/limits/rate-limits.ts'
import { append, tagIn } from '../../../store/contract/support.ts'
import { call, createChat, refusal } from '../../../support/api.ts'
import { eventually } from '../../../support/eventually.ts'
import { openSocket } from '../../../support/raw.ts'
import { startServer } from '../../../support/server.ts'

const limited = { RATE_LIMIT: 'on', TRUST_PROXY: 'on' }
const from = (address: string) => ({ 'x-forwarded-for': address })

it('big answers that are not taken are counted, and the next one is refused', async () => {
  // More than the kernel takes for a socket that nobody reads.
  const server = await startServer({ env: { ...limited, MAX_CHAT_BYTES: '33554432' } })
  const { chat, owner } = await createChat(server)
  for (let count = 0; count < 6000; count++) await append(server.store, tagIn(chat), 'x'.repeat(4000))
  const path = new URL(chat).pathname
  const sockets = Array.from({ length: 16 }, () => {
    const socket = openSocket(server.port)
    socket.pause()
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${owner}\r\n\r\n`)
    return socket
  })
  const isRefused = async () => {
    const answer = await call(chat, { user: owner })
    const [status] = await refusal(answer.clone()).catch(() => [answer.status])
    await answer.body?.cancel()
    return status === 429
  }
  await eventually(isRefused, 'the seventeenth big answer is refused')
  for (const socket of sockets) socket.destroy()
  const isServed = async () => {
    const answer = await call(chat, { user: owner })
    return answer.status === 200 && (await answer.text()).length > 24_000_000
  }
  await eventually(isServed, 'the chat can be read again')
})

it('everything but routes and health checks has a limit of its own for each network', async () => {
  const server = await startServer({ env: limited })
  const { chat } = await createChat(server)
  const ask = (target: string) => call(`${target}`, { headers: from('198.51.100.7') })
  const targets = [`${server.url}/openapi.json`, `${server.url}/nothing`, `OPTIONS ${chat}`, `${server.url}/`]
  let refused = 0
  for (let count = 0; count < OTHER_REQUESTS / 50 + 1; count++) {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => ask(targets[index % 4] ?? '')))
    refused += answers.filter(({ status }) => status === 429).length
  }
  expect(refused).toBe(50)
  for (const path of ['/health', '/ready']) expect((await ask(server.url + path)).status).toBe(200)
  expect((await ask(`HEAD ${chat.replace('chats', 'links')}`)).status).toBe(404)
  expect((await call(`${server.url}/nothing`, { headers: from('203.0.113.5') })).status).toBe(404)
})
