/** Runs what `deploy/silly-chat.service` starts, with its settings and its system call filter, but without systemd. */
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

/** The values of all lines with this key. */
const valuesOf = (key: string) => [...UNIT.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value)

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'silly-service-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** @param names system calls, and groups such as `@file-system` */
function expand(groups: ReadonlyMap<string, readonly string[]>, names: readonly string[]): Set<string> {
  return new Set(names.flatMap((name) => (name.startsWith('@') ? [...expand(groups, groups.get(name) ?? [])] : [name])))
}

/** The system calls known to systemd that the unit does not allow. */
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
  for (const filter of valuesOf('SystemCallFilter')) {
    const calls = expand(groups, filter.replace('~', '').split(' '))
    for (const name of calls) {
      if (filter.startsWith('~')) allowed.delete(name)
      else allowed.add(name)
    }
  }
  return [...expand(groups, ['@known'])].filter((name) => !allowed.has(name))
}

describe.skipIf(!haveAll('systemd-analyze'))('the systemd unit', () => {
  /** A copy with the path of an existing program. */
  function copyUnit(): string {
    const folder = temporaryFolder()
    const program = join(folder, 'silly-chat')
    writeFileSync(program, '')
    chmodSync(program, 0o755)
    const [started = ''] = valuesOf('ExecStart')
    expect(started).toBe('/opt/silly-chat/node_modules/.bin/silly-chat')
    const file = join(folder, 'silly-chat.service')
    writeFileSync(file, UNIT.replace(`ExecStart=${started}`, `ExecStart=${program}`))
    return file
  }

  it('is valid for systemd', () => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', copyUnit()], { encoding: 'utf8' })
    expect([status, stderr.split('\n').filter((line) => line.includes('silly-chat'))]).toEqual([0, []])
  })

  it('has an exposure level below 2 of 10 in `systemd-analyze security`', () => {
    const args = ['security', '--offline=true', '--no-pager', '--threshold=20', copyUnit()]
    const { status, stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
    expect(status, stdout).toBe(0)
    // V8 needs memory that is writable and executable.
    expect(valuesOf('MemoryDenyWriteExecute')).toEqual([])
  })

  it('allows enough open files, and enough time to stop', () => {
    expect(Number(valuesOf('LimitNOFILE')[0])).toBeGreaterThan(loadSettings({}).MAX_STREAMS)
    // Longer than the time after which main.ts forces an exit.
    expect([valuesOf('TimeoutStopSec'), valuesOf('KillSignal'), valuesOf('Restart')]).toEqual([
      ['15'],
      ['SIGTERM'],
      ['on-failure']
    ])
  })
})

describe.skipIf(!haveAll('systemd-analyze', 'strace'))('the server that the unit starts', () => {
  it('works without the denied system calls, stops on SIGTERM, and keeps its data', async () => {
    const [state = ''] = valuesOf('StateDirectory')
    const folder = temporaryFolder()
    const settings = Object.fromEntries(valuesOf('Environment').map((line) => line.split(/=(.*)/s)))
    expect(settings).toMatchObject({ STORE_URL: `file:/var/lib/${state}/chats` })
    const env = { ...settings, STORE_URL: settings['STORE_URL']?.replace(`/var/lib/${state}`, folder) ?? '' }
    const denied = deniedCalls()
    expect(denied).toEqual(expect.arrayContaining(['chown', 'setuid', 'mount', 'setrlimit', 'pkey_alloc']))
    // `?` ignores system calls that strace does not know. With -D, the started process is the server, not strace.
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
