/** Waits for a fact with a deadline. A test that waits in vain fails at its own line and says for what. */
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'

const WITHIN_MS = 5000
const POLL_MS = 10

type Holding<Value> = Exclude<Value, false | undefined>

/**
 * Polls `fact` until it returns something other than false or undefined, and returns that. A fact that throws does not hold yet.
 * @throws after `withinMs`: the message, with what the fact returned or threw last
 */
export function eventually<Value>(
  fact: () => Value | Promise<Value>,
  message: string,
  { withinMs = WITHIN_MS, everyMs = POLL_MS }: { withinMs?: number; everyMs?: number } = {}
): Promise<Holding<Value>> {
  // Captured here, before anything is awaited: the caller is still on the stack.
  const failure = new Error()
  Error.captureStackTrace(failure, eventually)
  return poll(fact, { withinMs, everyMs }, (last) => {
    failure.message = `${message}: not within ${withinMs} ms, ${last}`
    failure.stack = `${failure.message}\n${failure.stack?.split('\n').slice(1).join('\n')}`
    return failure
  })
}

async function poll<Value>(
  fact: () => Value | Promise<Value>,
  { withinMs, everyMs }: { withinMs: number; everyMs: number },
  failureWith: (last: string) => Error
): Promise<Holding<Value>> {
  let last = 'and it was never answered'
  const over = new AbortController()
  const late = sleep(withinMs, 'late' as const, { signal: over.signal })
  late.catch(() => undefined)
  try {
    for (;;) {
      // A fact that never answers must not outlast the deadline either.
      const outcome = await Promise.race([attempt(fact), late])
      if (outcome === 'late') throw failureWith(last)
      if (isHolding(outcome.value)) return outcome.value
      last = outcome.text
      await sleep(everyMs)
    }
  } finally {
    over.abort()
  }
}

async function attempt<Value>(fact: () => Value | Promise<Value>): Promise<{ value: Value | undefined; text: string }> {
  try {
    const value = await fact()
    return { value, text: `last ${inspect(value)}` }
  } catch (error) {
    return { value: undefined, text: `last it threw ${error}` }
  }
}

function isHolding<Value>(value: Value | undefined): value is Holding<Value> {
  return value !== undefined && value !== false
}
