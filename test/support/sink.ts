/** Where a stream writes, in a test: it keeps what it is given; one that is stuck never takes the first piece. */
import { Writable } from 'node:stream'
import { ChunkReader } from './chunked.ts'

export class TestSink extends Writable {
  /** What it was given, byte by byte. */
  wire = ''
  readonly #body = new ChunkReader()
  #isStuck: boolean
  readonly #isChunked: boolean

  constructor({ stuck = false, isChunked = true } = {}) {
    super({ highWaterMark: 16_384 })
    this.#isStuck = stuck
    this.#isChunked = isChunked
  }

  /** What it was told, whatever the framing. */
  get text(): string {
    return this.#isChunked ? this.#body.text : this.wire
  }

  /** Whether it can tell that the stream is complete, and was not cut off. */
  get isComplete(): boolean {
    return this.#body.isEnded
  }

  /** From here on it takes nothing more than one piece. */
  stick(): void {
    this.#isStuck = true
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.wire += chunk
    if (this.#isChunked) this.#body.feed(chunk)
    if (!this.#isStuck) done()
  }

  destroySoon(): void {
    this.end(() => this.destroy())
  }
}
