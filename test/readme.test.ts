/** The commands in README.md work, and everything that it names exists. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { call, createChat, post } from './support/api.ts'
import { eventually } from './support/eventually.ts'
import { freePort } from './support/ports.ts'
import { haveAll } from './support/real-parts.ts'
import { startServer } from './support/server.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const README = readFileSync(`${ROOT}README.md`, 'utf8')
const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))

interface Terminal {
  /** Everything that was printed. */
  output(): string
  paste(lines: string): void
  /** Waits until this is printed. */
  shows(text: string | RegExp): Promise<unknown>
  /** Waits until everything pasted has run. */
  done(): Promise<unknown>
}

function openTerminal(cwd?: string): Terminal {
  const bash = spawn('bash', { stdio: ['pipe', 'pipe', 'pipe'], detached: true, cwd })
  // The whole group: streams may run in its background.
  onTestFinished(() => {
    if (bash.pid !== undefined) process.kill(-bash.pid)
  })
  let text = ''
  let count = 0
  for (const stream of [bash.stdout, bash.stderr]) stream.on('data', (chunk) => (text += chunk))
  const shows = (wanted: string | RegExp) =>
    eventually(() => text.search(wanted) !== -1, `the terminal shows ${wanted}`, { withinMs: 15_000 })
  return {
    output: () => text,
    paste: (lines) => void bash.stdin.write(lines),
    shows,
    done: () => {
      const mark = `everything-has-run-${++count}`
      bash.stdin.write(`echo ${mark}\n`)
      return shows(mark)
    }
  }
}

describe('the walkthrough', () => {
  const blocks = [...README.matchAll(/^```bash (owner|guest)\n(.*?)^```$/gms)].map(([, who, lines = '']) => ({
    who,
    lines
  }))

  it('has the steps that are tested here', () => {
    expect(blocks.map(({ who }) => who).join(' ')).toBe('owner owner guest owner guest owner guest owner')
  })

  it.skipIf(!haveAll('bash', 'curl', 'jq'))('connects two people if its commands are pasted', async () => {
    const server = await startServer()
    const [create, follow, knock, approve, enter, answer, resume, rule] = blocks.map(({ lines }) =>
      lines.replaceAll('http://localhost:8000', server.url)
    )
    const owner = openTerminal()
    const guest = openTerminal()

    owner.paste(create ?? '')
    owner.paste(follow ?? '')
    await owner.shows('event: ready')
    const link = /^LINK=\S+$/m.exec(owner.output())?.[0]
    guest.paste(`${link}\n${knock}`)
    await owner.shows(/event: join_request\ndata: .*"name":"Ana"/)
    await guest.shows('id: pending')
    owner.paste(approve ?? '')
    await owner.shows('"state": "approved"')
    await guest.shows('id: approved')
    await guest.done()
    guest.paste(enter ?? '')
    await owner.shows('"text":"Ana: hello!"')
    owner.paste(answer ?? '')
    await owner.shows(/"messages": \[[^\]]*"Ana: hello!"[^\]]*"Welcome, Ana"/)
    await owner.done()
    guest.paste(resume ?? '')
    await guest.shows(/"text":"Welcome, Ana".*event: ready/s)
    owner.paste(rule ?? '')
    await owner.shows(/"state": "declined"/)
    await guest.shows(/event: closed\ndata: {"reason":"removed"}/)
    await owner.shows(/"links": \[.*"max_guests": 1,/s)
    await owner.shows(/event: closed\ndata: {"reason":"chat_closed"}/)
    await owner.done()
    expect(`${owner.output()}${guest.output()}`).not.toMatch(/urn:silly-chat|error|not found/i)
  })
})

it.skipIf(!haveAll('bash', 'redis-server'))(
  'the commands for two nodes start two that share their chats',
  async () => {
    const folder = mkdtempSync(`${tmpdir()}/silly-chat-`)
    const [redis, first, second] = [await freePort(), await freePort(), await freePort()]
    const lines = /^```bash nodes\n(.*?)^```$/ms.exec(README)?.[1] ?? ''
    const terminal = openTerminal(ROOT)
    terminal.paste(
      lines
        .replaceAll('data', folder)
        .replaceAll('6379', `${redis}`)
        .replaceAll('8001', `${first}`)
        .replaceAll('8002', `${second}`)
    )
    await terminal.shows(`listens on http://127.0.0.1:${first}.`)
    await terminal.shows(`listens on http://127.0.0.1:${second}.`)
    const { chat, owner } = await createChat({ url: `http://127.0.0.1:${first}` })
    await post(chat, owner, 'hello')
    const read = await call(chat.replace(`${first}`, `${second}`), { user: owner })
    expect(await read.json()).toMatchObject({ messages: [{ id: 1, text: 'hello' }] })
  },
  40_000
)

it('the program in README.md runs and prints the messages', async () => {
  const server = await startServer()
  const program = /^```ts\n(.*?)^```$/ms.exec(README)?.[1] ?? ''
  const file = `${mkdtempSync(`${tmpdir()}/silly-chat-`)}/program.mts`
  writeFileSync(
    file,
    program
      .replace("'silly-chat/client'", `'${ROOT}src/client/index.ts'`)
      .replaceAll('http://localhost:8000', server.url)
  )
  const child = spawn(process.execPath, ['--import', 'tsx', file], { cwd: ROOT })
  onTestFinished(() => void child.kill())
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const [code] = await once(child, 'exit')
  expect([code, output]).toEqual([0, expect.stringContaining("text: 'Ana: hello'")])
})

describe('README.md', () => {
  it('names scripts that exist', () => {
    const named = [...README.matchAll(/npm run ([a-z:]+)/g)].map(([, name = '']) => name)
    expect(named.length).toBeGreaterThan(3)
    for (const name of named) expect(scripts).toHaveProperty([name])
  })

  it('names files that exist', () => {
    const tree = /^src\/\n(.*?)^test\//ms.exec(README)?.[1] ?? ''
    const files = [...tree.matchAll(/^ {2}(\S+\.ts|\S+\/)( \S+\.ts)?/gm)].flatMap(([, first, second = '']) => [
      first,
      second.trim()
    ])
    expect(files.length).toBeGreaterThan(12)
    for (const file of files.filter(Boolean)) expect(existsSync(`${ROOT}src/${file}`), `src/${file}`).toBe(true)
    for (const [path] of README.matchAll(/(src|test|openapi|docs)\/[\w/-]+\.(ts|json|lua|md|mjs)/g)) {
      expect(existsSync(`${ROOT}${path}`), path).toBe(true)
    }
  })

  it('names operations that exist', () => {
    const { paths } = JSON.parse(readFileSync(`${ROOT}openapi/openapi.json`, 'utf8'))
    const named = [...README.matchAll(/^\| (`[^|]+`) \| [^|]+ \|$/gm)]
      .flatMap(([, cell = '']) => cell.split('`, `').map((part) => part.replaceAll('`', '')))
      .map((part) => part.split(' ').at(-1) ?? '')
      .filter((part) => part.startsWith('/'))
    expect(new Set(named.map((path) => path.replace(/:(\w+)/, '{$1}')))).toEqual(new Set(Object.keys(paths)))
  })
})
