/** Two thousand connections that send one byte a second do not slow down others. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { call, createChat, post } from '../../../support/api.ts'
import { startBuilt } from '../../../support/built-server.ts'
import { haveAll } from '../../../support/real-parts.ts'

const run = promisify(execFile)
const CONNECTIONS = 2000
const SECONDS = 6

/** Endless heads, endless bodies, and answers that are read slowly. */
const SLOW = [
  ['-H', '-i', '1', '-x', '1'],
  ['-B', '-i', '1', '-x', '1', '-s', '60000', '-t', 'POST', '-f', 'application/json'],
  ['-X', '-w', '1', '-y', '2', '-z', '1', '-n', '1']
]

describe.skipIf(!haveAll('slowhttptest'))('slow clients', () => {
  it.each(SLOW.map((flags) => [flags[0] ?? '', flags] as const))('%s do not slow down others', async (_kind, flags) => {
    const server = await startBuilt({ env: { RATE_LIMIT: 'on' } })
    const { chat, owner } = await createChat(server)
    const path = flags.includes('-t') ? '/v1/chats' : '/health'
    const attack = run('slowhttptest', [
      ...flags,
      ...['-c', `${CONNECTIONS}`, '-r', '1000', '-l', `${SECONDS}`, '-p', '3', '-u', `${server.url}${path}`]
    ])
    let isOver = false
    attack.finally(() => {
      isOver = true
    })
    const times: number[] = []
    while (!isOver) {
      const began = performance.now()
      await post(chat, owner, `${times.length}`)
      times.push(performance.now() - began)
      // A person's pace: more than ten a second are refused.
      await new Promise((resolve) => setTimeout(resolve, 110))
    }
    await attack
    times.sort((one, other) => one - other)
    expect(times.length).toBeGreaterThan(20)
    expect(times[Math.floor(times.length * 0.9)]).toBeLessThan(500)
    expect((await call(`${server.url}/health`)).status).toBe(200)
  })
})
