/** The built program in its own process, as `npm start` runs it, which ends with the test. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { ROOT } from './server-process.ts'

interface Run {
  readonly env?: Record<string, string>
  /** The arguments of the program. */
  readonly args?: readonly string[]
  /** A command that runs it, with its arguments. */
  readonly under?: readonly string[]
}

interface Ended {
  readonly code: number | string
  readonly out: string
  readonly err: string
}

export function runProgram(run: Run) {
  return runNode({ ...run, args: ['dist/main.js', ...(run.args ?? [])] })
}

export function runNode({ env = {}, args = [], under = [] }: Run) {
  const [command = process.execPath, ...rest] = [...under, process.execPath, ...args]
  const child = spawn(command, rest, {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', PORT: '0', LOG_LEVEL: 'silent', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk) => (said.out += chunk))
  child.stderr.on('data', (chunk) => (said.err += chunk))
  // The name of the signal if one has ended it.
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code: code ?? signal, ...said }))
  return { child, said, ended }
}

/** Resolves once it listens. */
export async function startProgram(run: Run) {
  const started = runProgram(run)
  for (;;) {
    const url = /listens on (\S+)\. /.exec(started.said.out)?.[1]
    if (url !== undefined) return { ...started, url }
    const ended = await Promise.race([started.ended, once(started.child.stdout, 'data').then(() => undefined)])
    if (ended !== undefined) throw new Error(`did not start: ${ended.err}`)
  }
}
