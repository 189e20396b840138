/** What is measured, and how often. */
import type { RunningServer } from './servers.ts'

export interface Measurement {
  readonly name: string
  readonly rounds: number
  /** What it measures, a row each. */
  readonly rows: readonly string[]
  /** What its server is told besides; then only ours is measured, since the others know nothing of it. */
  readonly settings?: () => Readonly<Record<string, string>>
  /** The figures of the rows. */
  measure(server: RunningServer): Promise<readonly number[]>
}
