/** The commands `backup` and `restore` of the built program, while a server uses the store. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runCommand } from '../../../src/cli/backup.ts'
import { Chat } from '../../../src/client/index.ts'
import { type ChatBook, digestOf } from '../../kit/book.ts'
import { Crowd, talkers } from '../../kit/crowd.ts'
import { call, createChatWithMember, post } from '../../support/api.ts'
import { aFolder, opened } from '../../support/file-store.ts'
import { runProgram, startProgram } from '../../support/program.ts'
import { aRandom } from '../../support/seed.ts'
import { openStream } from '../../support/streams.ts'

const TIMEOUT = { timeout: 60_000 }

/** The event ids and digests of the acknowledged posts. */
const acknowledgedIn = ({ posts }: ChatBook) =>
  posts.flatMap(({ id, digest }): [number, string][] => (id === undefined ? [] : [[id, digest]]))

/** Expects everything that was acknowledged before the backup, nothing that was never acknowledged, and no gap. */
async function expectCopied(chat: Chat, book: ChatBook, before: readonly [number, string][]): Promise<void> {
  const found = (await chat.read()).messages.map(({ id, text }): [number, string] => [id, digestOf(text)])
  expect(found).toEqual(expect.arrayContaining([...before]))
  expect(acknowledgedIn(book)).toEqual(expect.arrayContaining(found))
  const stream = await openStream(`${chat.url}/events?last_event_id=0`, { user: chat.userId })
  const ids = (await stream.until('ready')).map(({ id }) => Number(id))
  const last = ids.pop()
  expect(ids).toEqual(Array.from({ length: last ?? 0 }, (_, at) => at + 1))
}

/** Runs one command of the program to its end. */
async function command(args: readonly string[], storeUrl: string) {
  return await runProgram({ args, env: { STORE_URL: storeUrl } }).ended
}

describe('a backup under load', () => {
  it('has everything acknowledged before it began, and can be restored and used', TIMEOUT, async () => {
    const [folder, copy, restored] = [aFolder(), aFolder(), aFolder()]
    const env = { STORE_URL: `file:${folder}`, RATE_LIMIT: 'off' }
    const server = await startProgram({ env })
    const { chat, link, member, owner } = await createChatWithMember(server)
    const keyed = { user: owner, json: { text: 'once' }, headers: { 'idempotency-key': 'a key' } }
    expect((await call(chat, keyed)).status).toBe(201)
    const crowd = await Crowd.gather({
      chats: 2,
      random: aRandom(),
      patience: { attempts: 1, givesUp: 0 },
      place: () => server.url,
      cast: talkers([])
    })
    onTestFinished(() => crowd.end())
    await crowd.acknowledged(80)
    const before = crowd.books.map(acknowledgedIn)
    const backup = await command(['backup', copy], `file:${folder}`)
    expect(backup).toEqual({ code: 0, out: `Copied the chats from ${folder} to ${copy}.\n`, err: '' })
    await crowd.acknowledged(80)
    expect(await crowd.finish([server.url], 10_000)).toEqual([])
    server.child.kill('SIGKILL')
    await server.ended

    // Here the store is given by a flag.
    const restore = await command(['restore', copy, '--store', `file:${restored}`], 'memory:')
    expect(restore).toEqual({ code: 0, out: `Copied the chats from ${copy} to ${restored}.\n`, err: '' })
    const again = await startProgram({ env: { ...env, STORE_URL: `file:${restored}` } })
    const atNew = (url: string) => url.replace(server.url, again.url)
    for (const [index, book] of crowd.books.entries()) {
      await expectCopied(new Chat(atNew(book.owner.url), book.owner.userId), book, before[index] ?? [])
    }
    expect(await (await call(atNew(link), { user: member })).json()).toMatchObject({
      state: 'approved',
      chat: atNew(chat)
    })
    expect(await (await call(atNew(chat), keyed)).json()).toMatchObject({ id: 3 })
    expect(await post(atNew(chat), member, 'next')).toBe(4)
  })
})

describe('the commands', () => {
  it('fail with a message and exit code 1', TIMEOUT, async () => {
    const [folder, valid, full] = [aFolder(), aFolder(), aFolder()]
    await (await opened(valid)).close()
    mkdirSync(full)
    writeFileSync(join(full, 'letter'), 'dear')
    const before = readFileSync(join(valid, 'data.mdb'))
    const wrong: [kind: 'backup' | 'restore', folder: string, storeUrl: string, message: RegExp][] = [
      ['backup', folder, 'memory:', /^Only a file store can be backed up or restored\. .*\.$/],
      ['backup', full, `file:${valid}`, / is not empty\. Choose a new folder\.$/],
      ['restore', valid, `file:${full}`, / is not empty\. Choose a new folder\.$/],
      ['restore', valid, `file:${valid}`, / is not empty\. Choose a new folder\.$/],
      ['backup', folder, `file:${full}`, / contains no Silly Chat store\.$/],
      ['restore', folder, `file:${full}`, / contains no Silly Chat store\.$/],
      ['backup', join(folder, 'a', 'b'), `file:${valid}`, / cannot be used: ENOENT: .*\.$/],
      ['backup', join(full, 'letter'), `file:${valid}`, / cannot be used: ENOTDIR: .*\.$/]
    ]
    for (const [kind, to, storeUrl, message] of wrong)
      await expect(runCommand(kind, to, storeUrl)).rejects.toThrow(message)
    for (const [kind, to, storeUrl, message] of wrong.slice(0, 2)) {
      const { code, out, err } = await command([kind, to], storeUrl)
      expect([code, out], err).toEqual([1, ''])
      expect(err).toMatch(/[^\n]\n$/)
      expect(err.trimEnd()).toMatch(message)
    }
    expect(readdirSync(full)).toEqual(['letter'])
    expect(readFileSync(join(valid, 'data.mdb')).equals(before)).toBe(true)
  })
})
