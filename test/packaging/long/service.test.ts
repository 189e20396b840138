/** `deploy/silly-chat.service` without a systemd that runs: what it starts, with its settings and its filter of system calls. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadSettings } from '../../../src/cli/settings.ts'
import { call, createChat, post } from '../../support/api.ts'
import { startProgram } from '../../support/program.ts'
import { haveAll } from '../../support/real-parts.ts'
import { openStream } from '../../support/streams.ts'

const UNIT = readFileSync(fileURLToPath(new URL('../../../deploy/silly-chat.service', import.meta.url)), 'utf8')

/** What stands behind this key, once for each time that it is given. */
const given = (key: string) => [...UNIT.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value)

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'silly-service-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** @param names groups as `@file-system`, and system calls */
function expand(groups: ReadonlyMap<string, readonly string[]>, names: readonly string[]): Set<string> {
  return new Set(names.flatMap((name) => (name.startsWith('@') ? [...expand(groups, groups.get(name) ?? [])] : [name])))
}

/** The system calls that the unit does not allow, of those that systemd knows. */
function deniedCalls(): string[] {
  const { stdout } = spawnSync('systemd-analyze', ['syscall-filter', '--no-pager'], { encoding: 'utf8' })
  const groups = new Map<string, readonly string[]>()
  for (const [, name = '', lines = ''] of stdout.matchAll(/^(@\S+)\n((?: .*\n)*)/gm)) {
    const members = lines.split('\n').map((line) => line.trim())
    groups.set(
      name,
      members.filter((line) => line !== '' && !line.startsWith('#'))
    )
  }
  const allowed = new Set<string>()
  for (const filter of given('SystemCallFilter')) {
    const calls = expand(groups, filter.replace('~', '').split(' '))
    for (const name of calls) {
      if (filter.startsWith('~')) allowed.delete(name)
      else allowed.add(name)
    }
  }
  return [...expand(groups, ['@known'])].filter((name) => !allowed.has(name))
}

describe.skipIf(!haveAll('systemd-analyze'))('the unit of systemd', () => {
  /** A copy whose program is there. */
  function aCopy(): string {
    const folder = temporaryFolder()
    const program = join(folder, 'silly-chat')
    writeFileSync(program, '')
    chmodSync(program, 0o755)
    const [started = ''] = given('ExecStart')
    expect(started).toBe('/opt/silly-chat/node_modules/.bin/silly-chat')
    const file = join(folder, 'silly-chat.service')
    writeFileSync(file, UNIT.replace(`ExecStart=${started}`, `ExecStart=${program}`))
    return file
  }

  it('is understood by systemd', () => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', aCopy()], { encoding: 'utf8' })
    expect([status, stderr.split('\n').filter((line) => line.includes('silly-chat'))]).toEqual([0, []])
  })

  it('exposes little: less than 2 of the 10 points of `systemd-analyze security`', () => {
    const args = ['security', '--offline=true', '--no-pager', '--threshold=20', aCopy()]
    const { status, stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
    expect(status, stdout).toBe(0)
    // V8 could not run.
    expect(given('MemoryDenyWriteExecute')).toEqual([])
  })

  it('gives the server the files it may open, and the time to end by itself', () => {
    expect(Number(given('LimitNOFILE')[0])).toBeGreaterThan(loadSettings({}).MAX_STREAMS)
    // More than the forced exit of main.ts.
    expect([given('TimeoutStopSec'), given('KillSignal'), given('Restart')]).toEqual([
      ['15'],
      ['SIGTERM'],
      ['on-failure']
    ])
  })
})

describe.skipIf(!haveAll('systemd-analyze', 'strace'))('what the unit starts', () => {
  it('serves from its folder without the system calls that are denied, ends on SIGTERM, and has kept everything', async () => {
    const [state = ''] = given('StateDirectory')
    const folder = temporaryFolder()
    const settings = Object.fromEntries(given('Environment').map((line) => line.split(/=(.*)/s)))
    expect(settings).toMatchObject({ STORE_URL: `file:/var/lib/${state}/chats` })
    const env = { ...settings, STORE_URL: settings['STORE_URL']?.replace(`/var/lib/${state}`, folder) ?? '' }
    const denied = deniedCalls()
    expect(denied).toEqual(expect.arrayContaining(['chown', 'setuid', 'mount', 'setrlimit', 'pkey_alloc']))
    // strace does not know all of those that systemd knows. With -D the process that is started is the server.
    const calls = denied.map((name) => `?${name}`).join()
    const under = ['strace', '-D', '-f', '-qq', '--seccomp-bpf', '-o', join(folder, 'calls')]
    under.push('-e', `trace=${calls}`, '-e', `inject=${calls}:error=EPERM`)

    const first = await startProgram({ env, under })
    const { chat, owner } = await createChat(first)
    expect(await post(chat, owner, 'hello')).toBe(1)
    const stream = await openStream(`${chat}/events`, { user: owner })
    await stream.until('ready')
    expect(existsSync(join(folder, 'chats', 'data.mdb'))).toBe(true)
    first.child.kill('SIGTERM')
    expect(await stream.rest()).toEqual([])
    expect(await first.ended).toMatchObject({ code: 0, err: '' })

    const again = await startProgram({ env, under })
    const read = await call(`${again.url}${new URL(chat).pathname}`, { user: owner })
    expect(await read.json()).toMatchObject({ messages: [{ id: 1, text: 'hello' }] })
    again.child.kill('SIGTERM')
    expect(await again.ended).toMatchObject({ code: 0 })
  }, 60_000)
})
