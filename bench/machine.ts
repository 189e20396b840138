/** Describes the machine and pins processes to cores: the server to the first, the load to the others. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'

export interface Machine {
  /** One line for the report. */
  readonly description: string
  /** A prefix for the server's command; empty if processes cannot be pinned. */
  readonly pinned: readonly string[]
}

/** Used if the limit cannot be read. */
const DEFAULT_MAX_FILES = 1024

/** `0-2,5` becomes 0, 1, 2, 5. */
function readCores(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

/** Pins this process, and so its child processes, to all available cores except the first. */
function pinLoad(): readonly string[] {
  try {
    const [, list = '0'] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
    const [first, ...others] = readCores(list)
    if (others.length === 0) return []
    execFileSync('taskset', ['-acp', others.join(','), `${process.pid}`], { stdio: 'ignore' })
    return ['taskset', '-c', `${first}`]
  } catch {
    return []
  }
}

function systemName(): string {
  try {
    return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? type()
  } catch {
    return type()
  }
}

export function prepareMachine(): Machine {
  // Read before pinning, after which some versions of Node report only the pinned cores.
  const cores = cpus()
  const pinned = pinLoad()
  const how = pinned.length > 0 ? 'server on one core, load on the others' : 'not pinned to cores, so results vary more'
  const cpu = `${cores[0]?.model.trim() ?? 'unknown CPU'}, ${cores.length} cores`
  const system = `${systemName()} (${type()} ${release()})`
  const date = new Date().toISOString().slice(0, 10)
  return { description: `${cpu}, Node ${process.version}, ${system}, ${date}; ${how}.`, pinned }
}

/** How many files and sockets a process may open. */
export function maxOpenFiles(): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? DEFAULT_MAX_FILES)
  } catch {
    return DEFAULT_MAX_FILES
  }
}
