/** Readers in a process of their own, so that they do not slow down who posts, nor count as the server's. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { OwnChat } from './publishers.ts'
import { answer, type Question } from './readers-protocol.ts'

const FILE = fileURLToPath(new URL('./readers.ts', import.meta.url))
const ANSWER_MS = 30_000

export class Readers {
  readonly #child: ChildProcess
  readonly #kill = () => void this.#child.kill('SIGKILL')

  constructor() {
    this.#child = fork(FILE, { execArgv: ['--import', 'tsx'] })
    process.once('exit', this.#kill)
  }

  /** @throws Error with a sentence if a stream does not open */
  async open({ url, headers }: OwnChat, count: number): Promise<void> {
    await this.#ask({ ask: 'open', url: `${url}/events`, authorization: headers['authorization'] ?? '', count })
  }

  /**
   * @returns when the last of them had the last message, in ms since the epoch
   * @throws Error with a sentence if any of them lost, doubled or reordered a message
   */
  level(messages: number): Promise<number> {
    return this.#ask({ ask: 'level', messages })
  }

  stop(): void {
    process.off('exit', this.#kill)
    this.#kill()
  }

  #ask(question: Question): Promise<number> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error('The process of readers ended.'))
      const late = setTimeout(() => reject(new Error('The process of readers does not answer.')), ANSWER_MS)
      this.#child.once('exit', ended)
      this.#child.once('message', (message) => {
        clearTimeout(late)
        this.#child.off('exit', ended)
        const read = answer.parse(message)
        if ('fault' in read) reject(new Error(read.fault))
        else resolve(read.at)
      })
      this.#child.send(question)
    })
  }
}
