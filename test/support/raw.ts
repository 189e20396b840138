/** HTTP as bytes, for requests that no client would send. */
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export function openSocket(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => socket.destroy())
  onTestFinished(() => void socket.destroy())
  return socket
}

/** Sends bytes and collects the answer until the server closes. Send `Connection: close`. */
export function exchangeBytes(port: number, sent: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = openSocket(port)
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()))
    socket.write(sent)
  })
}

export interface RawAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** Sends the lines of a head, and a body, and parses the answer. */
export async function rawRequest(port: number, head: string[], body = ''): Promise<RawAnswer> {
  return parseAnswer(await exchangeBytes(port, `${[...head, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`))
}

export function parseAnswer(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = new Headers(
    lines.map((line): [string, string] => [line.split(':', 1)[0] ?? '', line.replace(/^[^:]*:\s*/, '')])
  )
  return { status: Number(statusLine.split(' ')[1]), headers, body: rest.join('\r\n\r\n') }
}
