/** Entries that one change copies: the cost of a change grows with the square root of the map, and hardly at all up to 10,000. */
const SEGMENT_SIZE = 128

type Segment<Key, Value> = ReadonlyMap<Key, Value>

/**
 * An immutable map in the order of insertion, whose copies share what they have in common. Changing a value keeps its place.
 * Two maps of which one was made from the other are compared without looking at what they share (`changesSince`).
 */
export class SegmentMap<Key, Value extends NonNullable<unknown>> implements Iterable<readonly [Key, Value]> {
  readonly #segments: readonly Segment<Key, Value>[]
  readonly size: number

  private constructor(segments: readonly Segment<Key, Value>[], size: number) {
    this.#segments = segments
    this.size = size
  }

  /** Later entries of the same key win. */
  static from<Key, Value extends NonNullable<unknown>>(
    entries: Iterable<readonly [Key, Value]>
  ): SegmentMap<Key, Value> {
    const all = [...new Map(entries)]
    const segments: Segment<Key, Value>[] = []
    for (let at = 0; at < all.length; at += SEGMENT_SIZE) segments.push(new Map(all.slice(at, at + SEGMENT_SIZE)))
    return new SegmentMap(segments, all.length)
  }

  get(key: Key): Value | undefined {
    for (const segment of this.#segments) {
      const value = segment.get(key)
      if (value !== undefined) return value
    }
    return undefined
  }

  set(key: Key, value: Value): SegmentMap<Key, Value> {
    const at = this.#segments.findIndex((segment) => segment.has(key))
    const last = this.#segments.length - 1
    const isFull = (this.#segments[last]?.size ?? SEGMENT_SIZE) >= SEGMENT_SIZE
    const index = at >= 0 ? at : isFull ? last + 1 : last
    const segment = new Map(this.#segments[index]).set(key, value)
    const segments = [...this.#segments]
    segments[index] = segment
    return new SegmentMap(segments, at >= 0 ? this.size : this.size + 1)
  }

  delete(key: Key): SegmentMap<Key, Value> {
    const at = this.#segments.findIndex((segment) => segment.has(key))
    if (at < 0) return this
    const segment = new Map(this.#segments[at])
    segment.delete(key)
    const kept = segment.size > 0 ? [segment] : []
    const segments = [...this.#segments.slice(0, at), ...kept, ...this.#segments.slice(at + 1)]
    // Segments that are nearly empty would make every search longer.
    if (segments.length > 4 && this.size * 4 < segments.length * SEGMENT_SIZE) {
      return SegmentMap.from(segments.flatMap((one) => [...one]))
    }
    return new SegmentMap(segments, this.size - 1)
  }

  *keys(): Generator<Key, void, undefined> {
    for (const segment of this.#segments) yield* segment.keys()
  }

  *values(): Generator<Value, void, undefined> {
    for (const segment of this.#segments) yield* segment.values()
  }

  *[Symbol.iterator](): Generator<readonly [Key, Value], void, undefined> {
    for (const segment of this.#segments) yield* segment
  }

  /** What to put into `before`, and what to remove from it, to get this map. */
  changesSince(before: SegmentMap<Key, Value>): { readonly put: readonly Value[]; readonly removed: readonly Key[] } {
    const [present, former] = [new Set(this.#segments), new Set(before.#segments)]
    const old = new Map(before.#segments.filter((segment) => !present.has(segment)).flatMap((segment) => [...segment]))
    const put: Value[] = []
    for (const segment of this.#segments) {
      if (former.has(segment)) continue
      for (const [key, value] of segment) {
        if (old.get(key) !== value) put.push(value)
        old.delete(key)
      }
    }
    return { put, removed: [...old.keys()] }
  }
}
