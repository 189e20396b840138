/** The log describes a fault without quoting data. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StoreUnavailable } from '../../../src/chat/store.ts'
import { describeFault } from '../../../src/http/server/describe-fault.ts'

const id = fc.stringMatching(/^[A-Za-z0-9_-]{22}$/)
const text = fc.string({ unit: 'grapheme', minLength: 6, maxLength: 30 })
const shouted = fc.stringMatching(/^[A-Z]{8,16}$/)
const secret = fc.oneof(id, fc.uuid(), text, shouted)

/** Messages in which libraries and the language quote their input. */
const MESSAGES: ((secret: string) => string)[] = [
  (secret) => secret,
  (secret) => `${secret} NOAUTH`,
  (secret) => `WRONGPASS ${secret}`,
  (secret) => `ERR Error running script: ${secret}`,
  (secret) => `MDB_MAP_FULL: ${secret}`,
  (secret) => `Unexpected token in "${secret}" is not valid JSON`,
  (secret) => `Cannot create property 'text' on string '${secret}'`,
  (secret) => `The "path" argument must be of type string. Received '${secret}'`,
  (secret) => `Cannot read properties of undefined (reading '${secret}')\n    at ${secret} (file:///${secret}:1:1)`,
  (secret) => `connect ECONNREFUSED redis://:${secret}@127.0.0.1:6379`,
  (secret) => `first\n    at ${secret} (file:///${secret}:1:1)\n`
]

const error = fc
  .tuple(
    secret,
    fc.constantFrom(...MESSAGES),
    fc.constantFrom(Error, TypeError, RangeError, SyntaxError, class SimpleError extends Error {}),
    fc.boolean()
  )
  .map(([secret, message, Kind, changed]) => {
    const error = Object.assign(new Kind(message(secret)), {
      code: secret,
      input: secret,
      url: secret,
      [secret]: secret
    })
    // Some libraries add properties to errors.
    if (changed) error.message = `${secret} of late`
    return { secret, error }
  })

describe('a fault', () => {
  it('is described without quoted data, also in its causes and aggregated errors', () => {
    fc.assert(
      fc.property(error, error, error, (outer, cause, first) => {
        const all = new AggregateError([first.error], first.secret)
        outer.error.cause = Object.assign(cause.error, { cause: all })
        const described = JSON.stringify(describeFault(outer.error))
        // A random text can be part of a path in the stack by chance.
        const withoutAny = JSON.stringify(
          describeFault(Object.assign(new Error(''), { cause: new AggregateError([]) }))
        )
        for (const { secret } of [outer, cause, first]) fc.pre(!withoutAny.includes(secret))
        for (const { secret } of [outer, cause, first]) {
          expect(described).not.toContain(secret)
          expect(described).not.toContain(JSON.stringify(secret).slice(1, -1))
        }
      }),
      { numRuns: 1000 }
    )
  })

  it('of the store is described with the type, the code and the first word of each cause', () => {
    class SimpleError extends Error {}
    const system = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:6379'), { code: 'ECONNREFUSED' })
    for (const [cause, expected] of [
      [new SimpleError('NOAUTH Authentication required.'), { type: 'SimpleError', word: 'NOAUTH' }],
      [new SimpleError('WRONGTYPE Operation against a key'), { type: 'SimpleError', word: 'WRONGTYPE' }],
      [new AggregateError([system]), { type: 'AggregateError', cause: { type: 'Error', code: 'ECONNREFUSED' } }],
      [Object.assign(new Error('No space left on device'), { code: 28 }), { type: 'Error', code: 'ENOSPC' }],
      [
        Object.assign(new Error('MDB_MAP_FULL: Environment mapsize limit reached'), { code: -30_792 }),
        { type: 'Error', code: 'MDB_MAP_FULL', word: 'MDB_MAP_FULL' }
      ]
    ] as const) {
      const fault = describeFault(new StoreUnavailable('unreachable', { cause }))
      expect(fault).toMatchObject({ type: 'StoreUnavailable', cause: expected })
    }
  })

  it("of the code is described with the language's message and the place", () => {
    const none: { member?: { of: string } } = {}
    const act = (): void => {
      // @ts-expect-error It is what is tested.
      none.member.of.slice()
    }
    let fault: unknown
    try {
      act()
    } catch (error) {
      fault = error
    }
    expect(describeFault(fault)).toMatchObject({
      type: 'TypeError',
      message: "Cannot read properties of undefined (reading 'of')",
      stack: expect.stringMatching(/^ {4}at act \(.*describe-fault\.test\.ts:\d+:\d+\)\n/)
    })
  })

  it('that is its own cause is described', () => {
    const own = new Error('x')
    own.cause = own
    expect(JSON.stringify(describeFault(own)).length).toBeLessThan(10_000)
    expect(describeFault('a text')).toEqual({ type: 'string', message: '', stack: '' })
  })
})
