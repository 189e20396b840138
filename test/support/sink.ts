/** The socket of a stream in a test. It keeps what it receives; a stuck one never takes the first chunk. */
import { Writable } from 'node:stream'
import { ChunkReader } from './chunked.ts'

export class TestSink extends Writable {
  /** What it received, byte by byte. */
  wire = ''
  readonly #body = new ChunkReader()
  #taken = 0
  #isStuck: boolean
  readonly #isChunked: boolean

  constructor({ stuck = false, isChunked = true } = {}) {
    super({ highWaterMark: 16_384 })
    this.#isStuck = stuck
    this.#isChunked = isChunked
  }

  get bytesWritten(): number {
    return this.#taken + this.writableLength
  }

  /** What it received, without the chunked coding. */
  get text(): string {
    return this.#isChunked ? this.#body.text : this.wire
  }

  /** The names of its events. */
  get events(): string[] {
    return [...this.text.matchAll(/^event: (\S+)$/gm)].map(([, name = '']) => name)
  }

  get messageIds(): number[] {
    return [...this.text.matchAll(/^id: (\d+)\nevent: message$/gm)].map(([, id]) => Number(id))
  }

  /** Whether the last chunk has come, so the stream was not cut off. */
  get isComplete(): boolean {
    return this.#body.isEnded
  }

  /** From now on it takes one more chunk at most. */
  stick(): void {
    this.#isStuck = true
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.wire += chunk
    if (this.#isChunked) this.#body.feed(chunk)
    if (this.#isStuck) return
    this.#taken += chunk.length
    done()
  }

  destroySoon(): void {
    this.end(() => this.destroy())
  }
}
