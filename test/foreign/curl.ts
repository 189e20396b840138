/** curl, or another program, as a child process whose output is read while it runs. */
import { spawn } from 'node:child_process'
import { createParser } from 'eventsource-parser'
import { onTestFinished } from 'vitest'
import { Growing } from './growing.ts'

export interface Reader {
  /** Everything it has printed. */
  output(): string
  /** Waits until it has printed this; throws if it ends without that. */
  shows(wanted: string | RegExp): Promise<void>
  /** Its exit code, once it has ended. */
  readonly exit: Promise<number | null>
  kill(): void
}

export function startCurl(...args: string[]): Reader {
  return startReader('curl', args)
}

/** `input` is passed to its standard input. */
export function startReader(program: string, args: readonly string[], input?: string): Reader {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(input)
  onTestFinished(() => void child.kill('SIGKILL'))
  const printed = new Growing()
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      printed.grow()
    })
  }
  const exit = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      printed.end(`${program} ended with ${code} and printed ${JSON.stringify(text)}`)
      resolve(code)
    })
  })
  return {
    output: () => text,
    shows: (wanted) => printed.until(() => text.search(wanted) !== -1),
    exit,
    kill: () => void child.kill()
  }
}

/** The arguments for a request with this user id. */
export const as = (user: string): string[] => ['-H', `Authorization: Bearer ${user}`]

/** The events of an event stream: `[name, id]` each. */
export function eventsIn(text: string): [string, string | undefined][] {
  const events: [string, string | undefined][] = []
  const parser = createParser({ onEvent: ({ event = 'message', id }) => events.push([event, id]) })
  parser.feed(text)
  return events
}
