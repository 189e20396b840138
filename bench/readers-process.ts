/** Runs readers in another process, so that they neither slow down the publishers nor count as the server's load. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { OwnChat } from './publishers.ts'
import { type Command, reply } from './readers-protocol.ts'

const FILE = fileURLToPath(new URL('./readers.ts', import.meta.url))
const REPLY_MS = 30_000

export class Readers {
  readonly #child: ChildProcess
  readonly #kill = () => void this.#child.kill('SIGKILL')

  constructor() {
    this.#child = fork(FILE, { execArgv: ['--import', 'tsx'] })
    process.once('exit', this.#kill)
  }

  /** @throws Error with a sentence if a stream does not open */
  async open({ url, headers }: OwnChat, count: number): Promise<void> {
    await this.#send({ command: 'open', url: `${url}/events`, authorization: headers['authorization'] ?? '', count })
  }

  /**
   * @returns when the last reader had received the last message, in ms since the epoch
   * @throws Error with a sentence if a reader lost, duplicated or reordered a message
   */
  waitUntilCaughtUp(messages: number): Promise<number> {
    return this.#send({ command: 'catch up', messages })
  }

  stop(): void {
    process.off('exit', this.#kill)
    this.#kill()
  }

  #send(command: Command): Promise<number> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error('The process of the readers ended.'))
      const late = setTimeout(() => reject(new Error('The process of the readers does not reply.')), REPLY_MS)
      this.#child.once('exit', ended)
      this.#child.once('message', (message) => {
        clearTimeout(late)
        this.#child.off('exit', ended)
        const read = reply.parse(message)
        if ('fault' in read) reject(new Error(read.fault))
        else resolve(read.at)
      })
      this.#child.send(command)
    })
  }
}
