/** The metrics of a server that was started with `METRICS`, as Prometheus reads them. */
import { eventually } from './eventually.ts'
import type { TestServer } from './server.ts'

/** Serves them on a free port. */
export const METRICS = { METRICS_ADDRESS: '127.0.0.1:0' }

export function metricsAddress(server: TestServer): string {
  const line = server.log.map((one) => JSON.parse(one)).find(({ msg }) => msg === 'metrics are served')
  return `http://127.0.0.1:${line.address.port}`
}

export async function scrape(server: TestServer): Promise<{ text: string; value: (sample: string) => number }> {
  const text = await (await fetch(`${metricsAddress(server)}/metrics`)).text()
  return {
    text,
    value: (sample) => {
      const line = text.split('\n').find((one) => one.startsWith(`${sample} `))
      if (line === undefined) throw new Error(`there is no ${sample}`)
      return Number(line.slice(sample.length))
    }
  }
}

/** Resolves once this many requests with `?wait` are open. */
export async function untilWaiting(server: TestServer, count: number): Promise<void> {
  const isSo = async () => (await scrape(server)).value('silly_chat_open_streams{kind="wait"}') === count
  await eventually(isSo, `${count} requests wait`)
}
