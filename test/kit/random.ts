/** Repeatable random decisions, which all follow from one seed. */
import { randomInt } from 'node:crypto'

export interface Random {
  /** An integer, both ends included. */
  int(min: number, max: number): number
  chance(probability: number): boolean
  pick<Item>(first: Item, ...others: Item[]): Item
  /** An integer from 1 to `max`; all orders of magnitude are equally likely. */
  magnitude(max: number): number
  /** A separate sequence, so that the pace of one actor does not change the decisions of another. */
  fork(): Random
}

/** SEED, or a random seed. */
export function chooseSeed(): number {
  const { SEED } = process.env
  const seed = Number(SEED || randomInt(2 ** 32))
  if (!Number.isInteger(seed)) throw new Error('SEED must be a whole number')
  return seed
}

/** Mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (min: number, max: number) => min + Math.floor(next() * (max - min + 1))
  return {
    int,
    chance: (probability) => next() < probability,
    pick: (first, ...others) => others[int(-1, others.length - 1)] ?? first,
    magnitude: (max) => Math.floor(max ** next()),
    fork: () => randomFrom(Math.floor(next() * 2 ** 32))
  }
}
