/**
 * The bytes that every reader of a chat must receive. The first reader to receive some has them checked event by event;
 * the others are compared with these bytes, which costs hardly more than receiving.
 */

const FIRST_BYTES = 1 << 20
const MOST_BYTES = 1 << 28

export class SharedLog {
  #bytes = Buffer.alloc(FIRST_BYTES)
  #length = 0
  /** The position of the first incomplete event. */
  #checked = 0
  #events = 0

  /** The number of complete events: their ids are 1 to this. */
  get events(): number {
    return this.#events
  }

  get length(): number {
    return this.#length
  }

  /**
   * Checks the bytes that a reader has received from position `at` on.
   * @throws Error with a sentence if an event is missing, duplicated or out of order
   */
  take(at: number, received: Buffer): void {
    const known = Math.min(received.length, this.#length - at)
    if (received.compare(this.#bytes, at, at + known, 0, known) !== 0) {
      throw new Error('A reader received other events than the first one: an event was lost, duplicated or reordered.')
    }
    if (known < received.length) this.#append(received.subarray(known))
  }

  #append(received: Buffer): void {
    const length = this.#length + received.length
    if (length > MOST_BYTES) throw new Error('The readers received more than the benchmark can check.')
    if (length > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], 2 * length)
    received.copy(this.#bytes, this.#length)
    this.#length = length
    this.#check()
  }

  #check(): void {
    const fresh = this.#bytes.subarray(0, this.#length)
    for (let end = fresh.indexOf('\n\n', this.#checked); end !== -1; end = fresh.indexOf('\n\n', this.#checked)) {
      const event = fresh.toString('latin1', this.#checked, end)
      const id = this.#events + 1
      if (!event.startsWith(`id: ${id}\nevent: message\ndata: {"id":${id},`)) {
        throw new Error(`Where event ${id} should be, a reader received ${event.slice(0, 60).replaceAll('\n', ' ')}`)
      }
      this.#events = id
      this.#checked = end + 2
    }
  }
}
