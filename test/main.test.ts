/** The built process, as `npm start` runs it: how it starts, what stops it, and with which exit code. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { call, createChat } from './support/api.ts'
import { openSocket } from './support/raw.ts'
import { openStream } from './support/streams.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

function run(env: Record<string, string>) {
  const child = spawn(process.execPath, ['dist/main.js'], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk))
  const exit = once(child, 'exit').then(([code]): number | null => code)
  return { child, output: () => text, exit }
}

async function start(env: Record<string, string> = {}) {
  const started = run(env)
  for (;;) {
    const url = /listens on (\S+)\. /.exec(started.output())?.[1]
    if (url !== undefined) return { ...started, url }
    const ended = await Promise.race([started.exit, once(started.child.stdout, 'data').then(() => undefined)])
    if (ended !== undefined) throw new Error(`did not start: ${started.output()}`)
  }
}

/** What comes next on a connection; empty where it ends instead. */
async function nextData(socket: Socket): Promise<string> {
  return await Promise.race([once(socket, 'data').then(String), once(socket, 'close').then(() => '')])
}

describe('the process', () => {
  it('says where it listens and where its documentation is', async () => {
    const { url, output } = await start()
    expect(output()).toContain(`${url}/docs`)
    expect((await call(`${url}/health`)).status).toBe(200)
    expect((await call(`${url}/docs`)).status).toBe(200)
  })

  it.each([
    ['PORT', 'x'],
    ['STORE_URL', 'redis://localhost'],
    ['LOG_LEVEL', 'loud']
  ])('does not start with a wrong %s, and names it', async (name, value) => {
    const { exit, output } = run({ [name]: value })
    expect(await exit).toBe(1)
    expect(output()).toMatch(new RegExp(`^${name} must be [^\n]*\\.\n$`))
  })

  it('does not start on a port that is taken, and says so', async () => {
    const { url } = await start()
    const { exit, output } = run({ PORT: new URL(url).port })
    expect(await exit).toBe(1)
    expect(output()).toContain('cannot listen')
  })

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'on %s ends its streams, finishes its requests and exits 0',
    async (signal) => {
      const { url, child, exit } = await start()
      const { chat, owner } = await createChat({ url })
      const stream = await openStream(`${chat}/events`, { user: owner })
      await stream.until('ready')
      const deaf = openSocket(Number(new URL(url).port))
      deaf.write(`GET ${new URL(chat).pathname}/events?user_id=${owner} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      deaf.pause()
      const underWay = openSocket(Number(new URL(url).port))
      const body = '{"text":"the last word"}'
      const head = [
        `POST ${new URL(chat).pathname} HTTP/1.1`,
        'Host: localhost',
        `Authorization: Bearer ${owner}`,
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
        'Expect: 100-continue'
      ]
      underWay.write(`${head.join('\r\n')}\r\n\r\n`)
      expect(await nextData(underWay)).toMatch(/^HTTP\/1\.1 100 /)
      const began = performance.now()
      child.kill(signal)
      expect(await stream.rest()).toEqual([])
      underWay.write(body)
      expect(await nextData(underWay)).toMatch(/^HTTP\/1\.1 201 /)
      expect(await exit).toBe(0)
      expect(performance.now() - began).toBeLessThan(4000)
    }
  )

  it('exits at once on a second signal', async () => {
    const { url, child, exit } = await start()
    const stalled = openSocket(Number(new URL(url).port))
    stalled.write('POST /v1/chats HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{')
    const { chat, owner } = await createChat({ url })
    const stream = await openStream(`${chat}/events`, { user: owner })
    await stream.until('ready')
    child.kill('SIGTERM')
    await stream.rest()
    const began = performance.now()
    child.kill('SIGTERM')
    expect(await exit).toBe(1)
    expect(performance.now() - began).toBeLessThan(1000)
  })
})
