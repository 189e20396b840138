/** A wire between a process and its Redis that can be cut without either hearing of it. */
import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { listenOn } from '../../foreign/tcp-proxy.ts'

export interface Partition {
  readonly port: number
  /** What is sent in either direction is swallowed from now on, over the connections that are there for ever. */
  cut(): void
  /** Likewise, but only the connections over which news of chats comes; new ones lead through. */
  cutNews(): void
  /** New connections lead through again. */
  heal(): void
}

export async function startPartition(target: number): Promise<Partition> {
  const ends = new Set<Socket>()
  const newsCuts = new Set<() => void>()
  let isCut = false
  let cuts = 0

  function own(socket: Socket): Socket {
    ends.add(socket)
    socket.on('close', () => ends.delete(socket))
    socket.on('error', () => socket.destroy())
    return socket
  }

  const server = createServer((accepted) => {
    const bornIn = cuts
    let [isForNews, isDead] = [false, false]
    const isSound = () => !isCut && !isDead && bornIn === cuts
    const killIfForNews = () => {
      isDead ||= isForNews
    }
    newsCuts.add(killIfForNews)
    accepted.on('close', () => newsCuts.delete(killIfForNews))
    accepted.on('data', (bytes) => {
      isForNews ||= bytes.includes('ssubscribe')
    })
    const near = own(accepted)
    const far = own(connect({ port: target, host: '127.0.0.1' }))
    for (const [from, to] of [
      [near, far],
      [far, near]
    ] as const) {
      from.on('data', (bytes) => isSound() && to.write(bytes))
      from.on('end', () => isSound() && to.end())
      from.on('close', () => isSound() && to.destroy())
    }
  })
  const port = await listenOn(server, 0)
  onTestFinished(() => {
    server.close()
    for (const socket of ends) socket.destroy()
  })
  return {
    port,
    cut() {
      isCut = true
      cuts++
    },
    cutNews() {
      for (const killIfForNews of newsCuts) killIfForNews()
    },
    heal() {
      isCut = false
      // A connection that was opened meanwhile has lost its first words.
      cuts++
    }
  }
}
