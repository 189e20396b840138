/** What a measurement consists of. */
import type { RunningServer } from './servers.ts'

export interface Measurement {
  readonly name: string
  readonly rounds: number
  /** The labels of its results, one row each. */
  readonly rows: readonly string[]
  /** A store that only our server supports: the bare servers are not measured with it. */
  readonly setup?: Setup
  /** The values of the rows. */
  measure(server: RunningServer, others: Others): Promise<readonly number[]>
}

export interface Setup {
  /** How many server processes share the store. */
  readonly nodes: number
  /** Why it cannot be measured on this machine; undefined if it can. */
  missing(): string | undefined
  /** Starts the store. */
  open(pinned: readonly string[]): Promise<OpenStore>
}

export interface OpenStore {
  readonly url: string
  /** The process of the store, if it is not the server's own. */
  readonly pid?: number
  stop(): void
}

/** The other server processes and the store. */
interface Others {
  readonly nodes: readonly RunningServer[]
  readonly store?: OpenStore | undefined
}
