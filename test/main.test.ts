/** The built process, as `npm start` runs it: how it starts, how it stops, and its exit codes. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { call, createChat } from './support/api.ts'
import { runProgram, startProgram } from './support/program.ts'
import { openSocket } from './support/raw.ts'
import { openStream } from './support/streams.ts'

/** The next data on a connection, or nothing if it ends. */
async function nextData(socket: Socket): Promise<string> {
  return await Promise.race([once(socket, 'data').then(String), once(socket, 'close').then(() => '')])
}

describe('the process', () => {
  it('prints where it listens and where its documentation is', async () => {
    const { url, said } = await startProgram({})
    expect(said.out).toContain(`${url}/docs`)
    expect((await call(`${url}/health`)).status).toBe(200)
    expect((await call(`${url}/docs`)).status).toBe(200)
  })

  it.each([
    ['PORT', 'x'],
    ['STORE_URL', 'redis:'],
    ['LOG_LEVEL', 'loud']
  ])('refuses an invalid %s, and names it', async (name, value) => {
    const { code, err } = await runProgram({ env: { [name]: value } }).ended
    expect(code).toBe(1)
    expect(err).toMatch(new RegExp(`^${name} must be [^\n]*\\.\n$`))
  })

  it('prefers flags to variables, and names an invalid one', async () => {
    const { url } = await startProgram({
      env: { PORT: 'x' },
      args: ['--port', '0', '--public-url', 'https://example.org']
    })
    expect((await createChat({ url })).chat).toMatch(/^https:\/\/example\.org\//)
    const wrong = await runProgram({ args: ['--port', 'x'] }).ended
    expect(wrong).toEqual({ code: 1, out: '', err: expect.stringMatching(/^--port must be .*\.\n$/) })
    const unknown = await runProgram({ args: ['serve'] }).ended
    expect(unknown).toEqual({ code: 1, out: '', err: "error: unknown command 'serve'\nSee silly-chat --help.\n" })
  })

  it('prints its version and its help, and exits', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
    expect(await runProgram({ args: ['--version'] }).ended).toEqual({ code: 0, out: `${version}\n`, err: '' })
    expect(await runProgram({ env: { PORT: 'x' }, args: ['--help'] }).ended).toEqual({
      code: 0,
      out: expect.stringMatching(/^Usage: silly-chat /),
      err: ''
    })
  })

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'on %s ends its streams, finishes its requests and exits 0',
    async (signal) => {
      const { url, child, ended } = await startProgram({})
      const { chat, owner } = await createChat({ url })
      const stream = await openStream(`${chat}/events`, { user: owner })
      await stream.until('ready')
      const stuck = openSocket(Number(new URL(url).port))
      stuck.write(`GET ${new URL(chat).pathname}/events?user_id=${owner} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      stuck.pause()
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
      expect((await ended).code).toBe(0)
      expect(performance.now() - began).toBeLessThan(4000)
    }
  )

  it('exits at once on a second signal', async () => {
    const { url, child, ended } = await startProgram({})
    const stalled = openSocket(Number(new URL(url).port))
    stalled.write('POST /v1/chats HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{')
    const { chat, owner } = await createChat({ url })
    const stream = await openStream(`${chat}/events`, { user: owner })
    await stream.until('ready')
    child.kill('SIGTERM')
    await stream.rest()
    const began = performance.now()
    child.kill('SIGTERM')
    expect((await ended).code).toBe(1)
    expect(performance.now() - began).toBeLessThan(1000)
  })
})
