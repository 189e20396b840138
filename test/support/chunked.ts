/** A strict reader of the chunked transfer coding (RFC 9112, section 7.1). */

const CRLF = '\r\n'

export class ChunkReader {
  /** The complete chunks. */
  readonly chunks: Buffer[] = []
  /** Their text. */
  text = ''
  /** Whether the last chunk has arrived, so the body is complete. */
  isEnded = false
  #rest: Buffer = Buffer.alloc(0)
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

  /** @throws Error if these bytes are malformed */
  feed(bytes: Buffer): this {
    this.#rest = Buffer.concat([this.#rest, bytes])
    while (this.#rest.length > 0 && this.#takeChunk());
    return this
  }

  #takeChunk(): boolean {
    if (this.isEnded) throw new Error(`bytes follow the last chunk: ${this.#rest.toString('latin1', 0, 40)}`)
    const line = this.#rest.indexOf(CRLF)
    const size = this.#rest.toString('latin1', 0, line === -1 ? undefined : line)
    if (!/^[0-9a-f]{1,8}\r?$/.test(size)) throw new Error(`this is no size of a chunk: ${size.slice(0, 40)}`)
    if (line === -1) return false
    const start = line + CRLF.length
    const end = start + Number.parseInt(size, 16)
    if (this.#rest.length < end + CRLF.length) return false
    if (this.#rest.toString('latin1', end, end + CRLF.length) !== CRLF)
      throw new Error('a chunk is longer than its size')
    const bytes = this.#rest.subarray(start, end)
    this.#rest = this.#rest.subarray(end + CRLF.length)
    if (bytes.length === 0) this.isEnded = true
    else this.chunks.push(bytes)
    this.text += this.#decoder.decode(bytes, { stream: true })
    return true
  }
}
