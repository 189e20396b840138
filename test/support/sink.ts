/** Where a stream writes, in a test: it keeps what it is given; one that is stuck never takes the first piece. */
import { Writable } from 'node:stream'

export class TestSink extends Writable {
  text = ''
  readonly #stuck: boolean

  constructor({ stuck = false } = {}) {
    super({ highWaterMark: 16_384 })
    this.#stuck = stuck
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk
    if (!this.#stuck) done()
  }

  destroySoon(): void {
    this.end(() => this.destroy())
  }
}
