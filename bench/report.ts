/** The table of results: a row for each value, a column for each server. */
import type { Measurement } from './measurement.ts'

/** The results: by server, then by round, then by row. */
export interface Measured {
  readonly rows: Measurement['rows']
  readonly rounds: readonly (readonly (readonly number[])[])[]
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other)
  const half = sorted.length / 2
  const middle = sorted.slice(Math.ceil(half) - 1, Math.floor(half) + 1)
  return middle.reduce((sum, number) => sum + number, 0) / middle.length
}

/** More than three significant digits would only show noise. */
function shown(number: number): string {
  if (Number.isNaN(number)) return ''
  return number.toLocaleString('en', number < 1000 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 })
}

export function tableOf(servers: readonly string[], measured: readonly Measured[]): string {
  const head = `| | ${servers.join(' | ')} |\n| --- |${servers.map(() => ' ---: |').join('')}\n`
  return head + measured.flatMap(rowsOf).join('')
}

function rowsOf({ rows, rounds }: Measured): string[] {
  return rows.map((label, row) => {
    const values = rounds.map((ofServer) => shown(median(ofServer.map((round) => round[row] ?? Number.NaN))))
    return `| ${label} | ${values.join(' | ')} |\n`
  })
}
