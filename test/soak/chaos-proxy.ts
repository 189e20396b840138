/** A TCP proxy that cuts, stalls and truncates the connections through it at random byte positions, until it is calm. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type Random, randomFrom } from './random.ts'

export interface ChaosFigures {
  cuts: number
  stalls: number
  truncations: number
  refused: number
  /** Streams of a chat that the server ended by itself: what it does to readers that fall behind. */
  cutOff: number
}

export interface ChaosProxy {
  readonly url: string
  readonly figures: ChaosFigures
  /** From now on connections suffer. */
  storm(): void
  /** From now on everything passes, and what was stalled goes on. */
  calm(): void
  close(): Promise<void>
}

interface Weather {
  readonly figures: ChaosFigures
  isStormy: boolean
  isRefusing: boolean
}

type Strike = { readonly kind: 'cut' | 'stall' | 'truncate'; left: number }

const MAX_BYTES_DOWN = 300_000
const MAX_BYTES_UP = 20_000
const MAX_STALL_MS = 3000
const CHAT_STREAM = /^GET \/v1\/chats\/[\w-]+\/events/

/** Each connection goes to any of these ports. */
export async function startChaosProxy(ports: readonly number[], seed: number): Promise<ChaosProxy> {
  const random = randomFrom(seed)
  const figures: ChaosFigures = { cuts: 0, stalls: 0, truncations: 0, refused: 0, cutOff: 0 }
  const weather: Weather = { figures, isStormy: false, isRefusing: false }
  const open = new Set<Connection>()
  const server = createServer((client) => {
    if (weather.isRefusing) {
      refuse(client, figures)
      return
    }
    const connection = new Connection(client, ports[random.int(0, ports.length - 1)] ?? 0, random.fork(), weather)
    open.add(connection)
    client.once('close', () => void open.delete(connection))
  })
  let timer: NodeJS.Timeout | undefined
  const turn = () => {
    weather.isRefusing = !weather.isRefusing
    timer = setTimeout(turn, weather.isRefusing ? random.int(50, 300) : random.int(1000, 4000))
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    figures,
    storm() {
      weather.isStormy = true
      timer = setTimeout(turn, random.int(500, 3000))
    },
    calm() {
      clearTimeout(timer)
      weather.isRefusing = false
      weather.isStormy = false
      for (const connection of open) connection.calm()
    },
    async close() {
      clearTimeout(timer)
      for (const connection of open) connection.destroy()
      server.close()
      await once(server, 'close')
    }
  }
}

function refuse(client: Socket, figures: ChaosFigures): void {
  figures.refused++
  client.on('error', () => undefined)
  client.resetAndDestroy()
}

function portOf(address: AddressInfo | string | null): number {
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port')
  return address.port
}

class Connection {
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #random: Random
  readonly #weather: Weather
  readonly #lifetime: NodeJS.Timeout | undefined
  #down: Strike | undefined
  /** Bytes of a request until the connection is cut in the middle of it. */
  #upLeft: number
  #stall: { readonly timer: NodeJS.Timeout; readonly rest: Buffer } | undefined
  #isChatStream = false

  constructor(client: Socket, serverPort: number, random: Random, weather: Weather) {
    this.#client = client
    this.#random = random
    this.#weather = weather
    this.#upstream = connect({ port: serverPort, host: '127.0.0.1' })
    this.#down = this.#nextStrike()
    this.#upLeft = random.chance(0.1) ? random.magnitude(MAX_BYTES_UP) : Number.POSITIVE_INFINITY
    // No connection lives long, or soon everybody would have found one that is sound.
    const lifetimeMs = random.int(50, random.pick(500, 2000, 8000))
    if (weather.isStormy) this.#lifetime = setTimeout(() => this.#cut(), lifetimeMs)
    this.#join()
  }

  calm(): void {
    clearTimeout(this.#lifetime)
    this.#endStall()
  }

  destroy(): void {
    clearTimeout(this.#lifetime)
    clearTimeout(this.#stall?.timer)
    this.#client.destroy()
    this.#upstream.destroy()
  }

  #join(): void {
    const [client, upstream] = [this.#client, this.#upstream]
    for (const socket of [client, upstream]) socket.on('error', () => undefined)
    client.on('data', (chunk) => this.#sendUp(chunk))
    upstream.on('drain', () => client.resume())
    upstream.on('data', (chunk) => this.#sendDown(chunk))
    client.on('drain', () => {
      if (this.#stall === undefined) upstream.resume()
    })
    upstream.on('end', () => {
      if (this.#isChatStream) this.#weather.figures.cutOff++
      client.end()
    })
    upstream.on('close', () => client.destroySoon())
    client.on('close', () => this.destroy())
  }

  #sendUp(chunk: Buffer): void {
    const isRequest = /^[A-Z]+ \//.test(chunk.toString('latin1', 0, 10))
    if (isRequest) this.#isChatStream = CHAT_STREAM.test(chunk.toString('latin1', 0, 200))
    if (this.#weather.isStormy && chunk.length >= this.#upLeft) {
      this.#upstream.write(chunk.subarray(0, this.#upLeft), () => this.#cut())
      this.#client.pause()
      return
    }
    this.#upLeft -= chunk.length
    if (!this.#upstream.write(chunk)) this.#client.pause()
  }

  #sendDown(chunk: Buffer): void {
    const strike = this.#weather.isStormy ? this.#down : undefined
    if (strike !== undefined && chunk.length >= strike.left) {
      this.#client.write(chunk.subarray(0, strike.left))
      this.#strike(strike, chunk.subarray(strike.left))
      return
    }
    if (strike !== undefined) strike.left -= chunk.length
    if (!this.#client.write(chunk)) this.#upstream.pause()
  }

  #strike({ kind }: Strike, rest: Buffer): void {
    if (kind === 'cut') this.#cut()
    else if (kind === 'truncate') {
      this.#weather.figures.truncations++
      this.#client.end()
      this.#upstream.destroy()
    } else {
      this.#weather.figures.stalls++
      this.#upstream.pause()
      this.#stall = { timer: setTimeout(() => this.#endStall(), this.#random.magnitude(MAX_STALL_MS)), rest }
    }
  }

  #endStall(): void {
    const stall = this.#stall
    if (stall === undefined) return
    clearTimeout(stall.timer)
    this.#stall = undefined
    this.#down = this.#nextStrike()
    this.#sendDown(stall.rest)
    if (this.#stall === undefined && !this.#client.writableNeedDrain) this.#upstream.resume()
  }

  #cut(): void {
    if (this.#client.destroyed) return
    this.#weather.figures.cuts++
    // Node 20 never lets go of a socket that is reset while its end is being sent: the process would not exit.
    if (this.#client.writableEnded) this.#client.destroy()
    else this.#client.resetAndDestroy()
    this.#upstream.destroy()
  }

  #nextStrike(): Strike | undefined {
    if (this.#random.chance(0.5)) return undefined
    return { kind: this.#random.pick('cut', 'stall', 'truncate'), left: this.#random.magnitude(MAX_BYTES_DOWN) }
  }
}
