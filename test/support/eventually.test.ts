/** `eventually` has a deadline, and its failure says for what the test waited, and where. */
import { describe, expect, it } from 'vitest'
import { eventually } from './eventually.ts'

const SOON = { withinMs: 50 }
const failureOf = (waiting: Promise<unknown>) =>
  waiting.then(
    () => new Error('it did not fail'),
    (error: Error) => error
  )

describe('eventually', () => {
  it('returns what the fact returns, once that is neither false nor undefined', async () => {
    let polls = 0
    const fact = async () => {
      polls++
      if (polls === 1) throw new Error('not yet')
      return polls > 3 && polls
    }
    expect(await eventually(fact, 'it was polled four times')).toBe(4)
  })

  it('accepts 0 and the empty string', async () => {
    expect([await eventually(() => 0, 'zero'), await eventually(() => '', 'empty')]).toEqual([0, ''])
  })

  it('fails with the message and what the fact returned last', async () => {
    const { message } = await failureOf(eventually(() => false, 'the moon is full', SOON))
    expect(message).toBe('the moon is full: not within 50 ms, last false')
  })

  it('fails with the message and what the fact threw last', async () => {
    const fact = () => Promise.reject(new Error('clouds'))
    const { message } = await failureOf(eventually(fact, 'the moon is full', SOON))
    expect(message).toBe('the moon is full: not within 50 ms, last it threw Error: clouds')
  })

  it('fails in time if the fact never answers', async () => {
    const { message } = await failureOf(eventually(() => new Promise(() => undefined), 'an answer', SOON))
    expect(message).toBe('an answer: not within 50 ms, and it was never answered')
  })

  it('fails at the line that waits', async () => {
    const waitInVain = () => eventually(() => undefined, 'a line', SOON)
    const { stack } = await failureOf(waitInVain())
    expect(stack?.split('\n')[1]).toContain('at waitInVain')
  })
})
