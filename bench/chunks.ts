/** Decodes the chunked transfer coding (RFC 9112, section 7.1) without copying. */

export class Chunks {
  readonly #onBytes: (bytes: Buffer) => void
  /** Bytes that remain of the current chunk. */
  #left = 0
  /** The incomplete line. */
  #line = ''

  constructor(onBytes: (bytes: Buffer) => void) {
    this.#onBytes = onBytes
  }

  feed(received: Buffer): void {
    let at = 0
    while (at < received.length) {
      if (this.#left > 0) {
        const bytes = received.subarray(at, at + this.#left)
        this.#left -= bytes.length
        at += bytes.length
        this.#onBytes(bytes)
      } else {
        const end = received.indexOf('\n', at)
        this.#line += received.toString('latin1', at, end === -1 ? received.length : end)
        if (end === -1) return
        at = end + 1
        this.#begin()
      }
    }
  }

  /** The line is a chunk size, or the empty line after a chunk. */
  #begin(): void {
    const size = this.#line.trim()
    this.#line = ''
    if (size !== '') this.#left = Number.parseInt(size, 16)
  }
}
