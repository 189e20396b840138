/** Visited before other work gets its turn: a chat with thousands of readers must not hold up the rest. */
const SLICE_SIZE = 128

/** Visits each member of a set or map once, including those added meanwhile, a slice a turn of the event loop. */
export function forEachInSlices<Member>(
  members: Iterable<Member>,
  visit: (member: Member) => void,
  done?: () => void
): void {
  const rest = members[Symbol.iterator]()
  const turn = (): void => {
    for (let count = 0; count < SLICE_SIZE; count++) {
      const next = rest.next()
      if (next.done) {
        done?.()
        return
      }
      visit(next.value)
    }
    setImmediate(turn)
  }
  turn()
}
