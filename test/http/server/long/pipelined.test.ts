/** Many exchanges on one connection. */
import { expect, it } from 'vitest'
import { createChat, createLink } from '../../../support/api.ts'
import { startBuilt } from '../../../support/built-server.ts'
import { openSocket } from '../../../support/raw.ts'

it('fifty pipelined exchanges that wait cause no warning of Node.js', async () => {
  const server = await startBuilt({ env: { RATE_LIMIT: 'off' } })
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const { port } = new URL(server.url)
  const socket = openSocket(Number(port))
  const ask = `GET ${new URL(link).pathname}?wait=1 HTTP/1.1\r\nHost: a\r\n\r\n`
  socket.write(ask.repeat(50))
  let answers = 0
  for await (const chunk of socket) {
    answers += String(chunk).split('HTTP/1.1 202').length - 1
    if (answers === 50) break
  }
  expect(server.output().split('\n').filter(Boolean)).toEqual([expect.stringContaining(' listens on ')])
})
