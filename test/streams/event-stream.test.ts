/** A reader is cut off for live bytes that it has not taken, and for nothing else. */
import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { EventStream } from '../../src/streams/event-stream.ts'
import { StreamStats } from '../../src/streams/stats.ts'
import { TestSink } from '../support/sink.ts'

const MAX = 1000

/** Takes one chunk whenever `take` is called. */
class SlowSink extends TestSink {
  #taken: (() => void) | undefined

  override _write(chunk: Buffer, encoding: string, done: () => void): void {
    super._write(chunk, encoding, () => {
      this.#taken = done
    })
  }

  take(): void {
    const done = this.#taken
    this.#taken = undefined
    done?.()
  }
}

class TestStream extends EventStream {
  readonly kind = 'chat'
  deliver(): void {}
  async reset(): Promise<void> {}
  chatRemoved(): void {}

  get cutOffs(): number {
    return this.stats.cutOff
  }

  /** Returns how many bytes it has written. */
  catchUp(length: number): number {
    return this.#written(() => this.write('c'.repeat(length)))
  }

  live(length: number): number {
    return this.#written(() => this.writeLive(this.framed('l'.repeat(length))))
  }

  #written(write: () => void): number {
    const before = this.stats.bytes
    write()
    return this.stats.bytes - before
  }
}

function aStream(sink: TestSink, { isChunked = true } = {}): TestStream {
  return new TestStream(sink, MAX, isChunked, new StreamStats())
}

/** A stream, and a model of the chunks that are buffered for its reader. */
class Scene {
  readonly sink = new SlowSink()
  readonly #stream = aStream(this.sink)
  readonly #chunks: { kind: 'live' | 'catchUp'; bytes: number }[] = []
  /** The buffered bytes when a replay was last written. */
  #atLastCatchUp = 0
  /** Whether live bytes were buffered when a replay was written. */
  #isMixed = false

  buffered(kind?: 'live' | 'catchUp'): number {
    const counted = this.#chunks.filter((one) => kind === undefined || one.kind === kind)
    return counted.reduce((total, { bytes }) => total + bytes, 0)
  }

  act({ does, length }: { does: 'live' | 'catchUp' | 'take'; length: number }): void {
    if (does === 'take') this.#take()
    else this.#write(does, length)
  }

  #take(): void {
    this.sink.take()
    this.#chunks.shift()
    this.#isMixed &&= this.#chunks.length > 0
    expect(this.sink.writableLength).toBe(this.buffered())
  }

  #write(kind: 'live' | 'catchUp', length: number): void {
    if (kind === 'catchUp') this.#isMixed ||= this.buffered('live') > 0
    this.#chunks.push({ kind, bytes: this.#stream[kind](length) })
    if (kind === 'catchUp') this.#atLastCatchUp = this.buffered()
    else if (!this.sink.destroyed) {
      if (!this.#isMixed) expect(this.buffered('live')).toBeLessThanOrEqual(MAX)
      expect(this.buffered()).toBeLessThanOrEqual(MAX + this.#atLastCatchUp)
    }
  }
}

const act = fc.record({
  does: fc.constantFrom('live' as const, 'live' as const, 'catchUp' as const, 'take' as const),
  length: fc.integer({ min: 1, max: 600 })
})

describe('a reader', () => {
  it('is cut off as soon as too many live bytes are buffered, and never otherwise', () => {
    let cuts = 0
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
        const scene = new Scene()
        for (const one of acts) {
          scene.act(one)
          expect(scene.sink.isComplete).toBe(false)
          if (!scene.sink.destroyed) continue
          cuts++
          expect(scene.buffered('live')).toBeGreaterThan(MAX)
          return
        }
      }),
      { numRuns: 500 }
    )
    expect(cuts).toBeGreaterThan(20)
  })

  it('is not cut off for a late replay, after many live bytes that it has taken', () => {
    const sink = new SlowSink()
    const stream = aStream(sink)
    for (let count = 0; count < 50; count++) {
      stream.live(100)
      sink.take()
    }
    stream.catchUp(MAX * 3)
    stream.live(100)
    expect(sink.destroyed).toBe(false)
    for (let count = 0; count < 8; count++) stream.live(100)
    expect(sink.destroyed).toBe(false)
    stream.live(100)
    expect(sink.destroyed).toBe(true)
  })

  it('is cut off for the sum of the live bytes buffered before and after a replay', () => {
    const sink = new SlowSink()
    const stream = aStream(sink)
    stream.live(600)
    stream.catchUp(MAX * 3)
    stream.live(300)
    expect(sink.destroyed).toBe(false)
    stream.live(100)
    expect(sink.destroyed).toBe(true)
  })

  it('that has taken a replay has no allowance for it any more', () => {
    const sink = new SlowSink()
    const stream = aStream(sink)
    stream.catchUp(MAX * 3)
    stream.live(600)
    sink.take()
    stream.catchUp(100)
    stream.live(300)
    expect(sink.destroyed).toBe(false)
    stream.live(100)
    expect(sink.destroyed).toBe(true)
  })

  it('is not cut off for an earlier answer on the same connection', () => {
    const sink = new SlowSink({ isChunked: false })
    sink.write('x'.repeat(MAX * 3))
    const stream = aStream(sink)
    stream.live(500)
    expect(sink.destroyed).toBe(false)
    stream.live(500)
    expect(sink.destroyed).toBe(true)
  })
})

describe.each([
  ['HTTP/1.1', true, '3\r\n:\n\n\r\n', '0\r\n\r\n'],
  ['HTTP/1.0', false, ':\n\n', '']
])('a stream of %s', (_version, isChunked, heartbeat, last) => {
  it('sends the last chunk once, when it ends', () => {
    const sink = new TestSink({ isChunked })
    const stream = aStream(sink, { isChunked })
    stream.heartbeat()
    stream.end()
    stream.end()
    stream.heartbeat()
    stream.catchUp(9)
    stream.live(9)
    expect([sink.wire, sink.writableEnded]).toEqual([heartbeat + last, true])
  })

  it('sends no last chunk when it is destroyed', () => {
    const sink = new TestSink({ isChunked })
    const stream = aStream(sink, { isChunked })
    stream.heartbeat()
    stream.destroy()
    stream.end()
    expect(sink.wire).toBe(heartbeat)
  })
})

describe('a reader that lags at a heartbeat', () => {
  function aLaggingReader() {
    const sink = new SlowSink()
    const stream = aStream(sink)
    let now = 0
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
    onTestFinished(() => clock.mockRestore())
    stream.live(100)
    stream.live(100)
    const heartbeatAt = (ms: number): boolean => {
      now = ms
      stream.heartbeat()
      return sink.destroyed
    }
    return { sink, stream, heartbeatAt }
  }

  it('is cut off after it has taken nothing for 30 seconds', () => {
    const { stream, heartbeatAt } = aLaggingReader()
    expect([1000, 16_000, 30_999].map(heartbeatAt)).toEqual([false, false, false])
    expect(stream.cutOffs).toBe(0)
    expect(heartbeatAt(31_000)).toBe(true)
    expect(stream.cutOffs).toBe(1)
  })

  it('stays if it takes something, and gets no heartbeat meanwhile', () => {
    const { sink, stream, heartbeatAt } = aLaggingReader()
    expect(heartbeatAt(1000)).toBe(false)
    sink.take()
    stream.live(50)
    expect([31_000, 60_000].map(heartbeatAt)).toEqual([false, false])
    expect(sink.wire).not.toContain(':\n\n')
    expect(heartbeatAt(61_001)).toBe(true)
  })
})
