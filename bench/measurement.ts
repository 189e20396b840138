/** What is measured, and how often. */
import type { RunningServer } from './servers.ts'

export interface Measurement {
  readonly name: string
  readonly rounds: number
  /** What it measures, a row each. */
  readonly rows: readonly string[]
  /** How our server is run for it; then only ours is measured, since the others know nothing of it. */
  readonly setting?: Setting
  /** The figures of the rows. */
  measure(server: RunningServer, others: Others): Promise<readonly number[]>
}

export interface Setting {
  /** How many processes serve together. */
  readonly nodes: number
  /** Why it cannot be measured here, if so. */
  missing(): string | undefined
  /** Makes what the chats are kept in. */
  open(pinned: readonly string[]): Promise<OpenStore>
}

export interface OpenStore {
  readonly url: string
  /** The process that keeps them, if it is not the server's own. */
  readonly pid?: number
  stop(): void
}

/** What is there besides the server. */
interface Others {
  readonly nodes: readonly RunningServer[]
  readonly store?: OpenStore | undefined
}
