/** If the built program cannot start, it prints one message that names the setting as the user gave it. */
import { createServer } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { listenOn } from '../kit/wire.ts'
import { call } from '../support/api.ts'
import { runProgram, startProgram } from '../support/program.ts'

const foreign = 'cannot be used: 192.0.2.1 is no address of this machine.\n'
const unknown = 'cannot be used: the address of no.such.host.invalid was not found'

it.each([
  [{ HOST: '192.0.2.1' }, [], `HOST ${foreign}`],
  [{ METRICS_ADDRESS: '192.0.2.1:0' }, [], `METRICS_ADDRESS ${foreign}`],
  [{}, ['--host', 'no.such.host.invalid'], `--host ${unknown}`],
  [{ METRICS_ADDRESS: 'no.such.host.invalid:9' }, [], `METRICS_ADDRESS ${unknown}`],
  [{ STORE_URL: 'file:/proc/no/chats' }, [], 'STORE_URL: /proc/no/chats cannot be used: ENOENT'],
  [{}, ['--store', 'file:./package.json'], '--store: ./package.json cannot be used: ENOTDIR'],
  [
    { STORE_URL: 'redis://no.such.host.invalid' },
    [],
    'STORE_URL: The store at no.such.host.invalid cannot be reached: '
  ],
  [{}, ['--store', 'file:./data\r'], '--store must not start or end with white space'],
  [{}, ['--stroe', 'memory:'], "error: unknown option '--stroe'"]
])('%j %j', async (env, args, start) => {
  const { code, out, err } = await runProgram({ env, args }).ended
  expect([code, out, err.slice(0, start.length)]).toEqual([1, '', start])
  expect(err).toMatch(/^[^\n]*\.?\n((.* mean .*\n)?See silly-chat --help\.\n)?$/)
})

it('the message about a used port names the flag', async () => {
  const { url } = await startProgram({})
  const { host } = new URL(url)
  const { err } = await runProgram({ args: ['--metrics-address', host] }).ended
  expect(err).toBe(
    `--metrics-address cannot be used: another program listens on ${host} already. Choose another port.\n`
  )
})

it.each([
  ['answers in another protocol', 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'],
  ['does not answer', undefined]
])(
  'the message about a server that is not Redis and %s names STORE_URL and not the password',
  async (_, answer) => {
    const other = createServer((socket) => {
      socket.on('error', () => socket.destroy())
      if (answer !== undefined) socket.once('data', () => socket.end(answer))
    })
    const port = await listenOn(other, 0)
    onTestFinished(() => void other.close())
    const { code, err } = await runProgram({ env: { STORE_URL: `redis://:hunter2@127.0.0.1:${port}` } }).ended
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^STORE_URL: The store at \S+ cannot be reached: [^\n]*\.\n$/)
    ])
    expect(err).not.toContain('hunter2')
  },
  60_000
)

it('prints where it listens, with an address that can be opened first', async () => {
  const own = await startProgram({})
  expect(own.said.out).toMatch(/^Silly Chat listens on http:\/\/127\.0\.0\.1:\d+\. Try \S+\/docs\n$/)
  for (const HOST of ['0.0.0.0', '::']) {
    const { url, said } = await startProgram({ env: { HOST } })
    expect(said.out).toBe(
      `Silly Chat listens on ${url}. Other machines can reach it too (HOST=${HOST}). Try ${url}/docs\n`
    )
    expect((await call(`${url}/health`)).status).toBe(200)
  }
})

it('does not start on a used port, and names the setting', async () => {
  const { url } = await startProgram({})
  const { port, host } = new URL(url)
  const taken = `cannot be used: another program listens on ${host} already. Choose another port.\n`
  const [own, metrics] = [runProgram({ env: { PORT: port } }), runProgram({ env: { METRICS_ADDRESS: host } })]
  expect(await own.ended).toEqual({ code: 1, out: '', err: `PORT ${taken}` })
  expect(await metrics.ended).toEqual({ code: 1, out: '', err: `METRICS_ADDRESS ${taken}` })
})
