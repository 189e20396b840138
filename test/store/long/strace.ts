/** Reads the output of strace: when a server wrote and synced bytes, and when it sent them to a client. */
import { readFileSync } from 'node:fs'

const CALLS = 'openat,pwrite64,pwritev,pwritev2,write,writev,sendto,sendmsg,fdatasync,fsync'

/** A prefix for the command of a program. */
export function stracing(file: string): [string, ...string[]] {
  // `-s` must be larger than a page of the store.
  const options = '-D -f -qq -y -tt -s 20000 -e signal=none'.split(' ')
  return ['strace', ...options, '-e', `trace=${CALLS}`, '-o', file]
}

interface Call {
  readonly name: string
  /** `7</path>`. */
  readonly descriptor: string
  /** The whole line, with the bytes up to the limit of `-s`. */
  readonly text: string
  /** Line numbers: a call that another call precedes, in the same thread or causally, has a later line. */
  readonly begins: number
  ends: number
}

export function readCalls(file: string): Call[] {
  const calls: Call[] = []
  const unfinished = new Map<string, Call>()
  for (const [line, text] of readFileSync(file, 'latin1').split('\n').entries()) {
    const [, thread = ''] = /^(\d+) /.exec(text) ?? []
    const resumed = / <\.\.\. \w+ resumed>/.test(text)
    const call = unfinished.get(thread)
    if (resumed && call !== undefined) {
      call.ends = line
      unfinished.delete(thread)
    }
    const [, name, descriptor] = /^\d+ +[\d:.]+ (\w+)\((\w+<[^>]*>)/.exec(text) ?? []
    if (name === undefined || descriptor === undefined) continue
    const begun: Call = { name, descriptor, text, begins: line, ends: line }
    if (text.endsWith('<unfinished ...>')) unfinished.set(thread, begun)
    calls.push(begun)
  }
  return calls
}

/** Reports each line in which the text was sent before it was synced; empty if there is none. */
export function tooEarly(calls: readonly Call[], text: string): string[] {
  const inFile = calls.filter(({ descriptor }) => descriptor.endsWith('/data.mdb>'))
  const synchronous = new Set(
    calls.flatMap((call) => /O_DSYNC.* = (\d+<[^>]*\/data\.mdb>)/.exec(call.text)?.slice(1) ?? [])
  )
  const isWrite = ({ name }: Call) => name.includes('write')
  const written = inFile.find((call) => isWrite(call) && call.text.includes(text))
  const synced = inFile.find(({ name, begins }) => /^f(data)?sync$/.test(name) && begins > (written?.ends ?? begins))
  const visible = inFile.find(
    (call) => isWrite(call) && synchronous.has(call.descriptor) && call.begins > (synced?.ends ?? call.begins)
  )
  const sent = calls.filter(({ descriptor, text: line }) => /<(socket|TCP)/.test(descriptor) && line.includes(text))
  if (sent.length === 0) return [`${text} was not sent`]
  const visibleSince = visible?.ends ?? Number.POSITIVE_INFINITY
  return sent
    .filter(({ begins }) => begins <= visibleSince)
    .map(({ begins }) => `${text} was sent in line ${begins}, before line ${visibleSince}`)
}
