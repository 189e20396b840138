/** CPU time and memory of a process, as the kernel reports them in /proc. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** USER_HZ, the kernel's unit in `stat`, is 100 on all platforms that Node supports. */
const MICROS_PER_TICK = 10_000
const NANOS_PER_MICRO = 1000

/** @throws Error with a sentence if there is no /proc */
export function requireProc(): void {
  if (!existsSync('/proc/self/stat')) throw new Error('The benchmark needs Linux: it reads CPU and memory from /proc.')
}

/** CPU time of all threads so far, in µs. */
export function cpuOf(pid: number): number {
  if (!existsSync(`/proc/${pid}/schedstat`)) return ticksOf(pid) * MICROS_PER_TICK
  const nanos = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const [onCpu] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
    return Number(onCpu)
  })
  return nanos.reduce((sum, one) => sum + one, 0) / NANOS_PER_MICRO
}

/** Coarse, but available in every kernel: utime and stime, the 12th and 13th field after the name in parentheses. */
function ticksOf(pid: number): number {
  const [, fields = ''] = /\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
  const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number)
  return user + system
}

/** PSS divides shared memory between the processes that share it. Not every kernel or container provides it. */
export const MEMORY_KIND = existsSync('/proc/self/smaps_rollup') ? 'PSS' : 'RSS'

export function memoryKiBOf(pid: number): number {
  const [file, name] = MEMORY_KIND === 'PSS' ? ['smaps_rollup', 'Pss'] : ['status', 'VmRSS']
  const lines = readFileSync(`/proc/${pid}/${file}`, 'utf8')
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(lines)?.[1])
}
