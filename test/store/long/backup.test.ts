/** Copies of a file store while it serves, by the commands of the built program. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { runCommand } from '../../../src/cli/backup.ts'
import { call, createChatWithMember } from '../../support/api.ts'
import { aFolder, opened } from '../../support/file-store.ts'
import { runProgram, startProgram } from '../../support/program.ts'
import { openStream } from '../../support/streams.ts'

/** Several programs are started. */
const LONG = { timeout: 60_000 }

const posted = z.object({ id: z.int() })
const history = z.object({ messages: z.array(z.object({ id: z.int(), text: z.string() })), last_event_id: z.int() })

/** Posts to a chat without end, and knows what was acknowledged: texts by event id. */
function aPoster(chat: string, owner: string, name: string) {
  const acknowledged = new Map<number, string>()
  let isStopped = false
  let isWarm: () => void = () => {}
  const warm = new Promise<void>((resolve) => (isWarm = resolve))
  const posting = (async () => {
    for (let count = 0; !isStopped; count++) {
      if (count === 20) isWarm()
      const text = `${name} ${count}`
      const answer = await call(chat, { user: owner, json: { text }, headers: { 'idempotency-key': text } })
      acknowledged.set(posted.parse(await answer.json()).id, text)
    }
  })()
  return {
    acknowledged,
    warm,
    stop: async () => {
      isStopped = true
      await posting
    }
  }
}

async function read(chat: string, owner: string) {
  return history.parse(await (await call(chat, { user: owner })).json())
}

/** The chat holds all that was acknowledged before the copy, and nothing that never was; its events have no gap. */
async function expectCopied(
  chat: string,
  owner: string,
  before: ReadonlyMap<number, string>,
  after: ReadonlyMap<number, string>
): Promise<number> {
  const { messages, last_event_id } = await read(chat, owner)
  const found = new Map(messages.map(({ id, text }) => [id, text]))
  for (const [id, text] of before) expect(found.get(id)).toBe(text)
  for (const [id, text] of found) expect(after.get(id)).toBe(text)
  const stream = await openStream(`${chat}/events?last_event_id=0`, { user: owner })
  const ids = (await stream.until('ready')).map(({ id }) => Number(id))
  expect(ids.slice(0, -1)).toEqual(Array.from({ length: last_event_id }, (_, at) => at + 1))
  expect(ids.at(-1)).toBe(last_event_id)
  return last_event_id
}

/** Runs one command of the program to its end. */
async function command(args: readonly string[], storeUrl: string) {
  return await runProgram({ args, env: { STORE_URL: storeUrl } }).ended
}

describe('a backup under load', () => {
  it('holds all that was acknowledged before it began and nothing by halves; restored, it serves', LONG, async () => {
    const [folder, copy, restored] = [aFolder(), join(aFolder()), aFolder()]
    const env = { STORE_URL: `file:${folder}`, RATE_LIMIT: 'off' }
    const server = await startProgram({ env })
    const chats = await Promise.all([createChatWithMember(server), createChatWithMember(server)])
    const posters = chats.flatMap(({ chat, owner }, index) =>
      [0, 1].map((number) => ({ index, ...aPoster(chat, owner, `poster ${index}${number}`) }))
    )
    const acknowledgedIn = (index: number) =>
      new Map(posters.filter((poster) => poster.index === index).flatMap(({ acknowledged }) => [...acknowledged]))
    await Promise.all(posters.map(({ warm }) => warm))
    const before = chats.map((_, index) => acknowledgedIn(index))
    const backup = await command(['backup', copy], `file:${folder}`)
    expect(backup).toEqual({ code: 0, out: `Copied the chats from ${folder} to ${copy}.\n`, err: '' })
    await Promise.all(posters.map(({ stop }) => stop()))
    const after = chats.map((_, index) => acknowledgedIn(index))
    server.child.kill('SIGKILL')
    await server.ended

    // By flag this time.
    const restore = await command(['restore', copy, '--store', `file:${restored}`], 'memory:')
    expect(restore).toEqual({ code: 0, out: `Copied the chats from ${copy} to ${restored}.\n`, err: '' })
    const again = await startProgram({ env: { ...env, STORE_URL: `file:${restored}` } })
    for (const [index, made] of chats.entries()) {
      const chat = made.chat.replace(server.url, again.url)
      const link = made.link.replace(server.url, again.url)
      const lastEventId = await expectCopied(chat, made.owner, before[index] ?? new Map(), after[index] ?? new Map())
      expect(await (await call(link, { user: made.member })).json()).toMatchObject({ state: 'approved', chat })
      const next = await call(chat, { user: made.member, json: { text: 'after' } })
      expect(posted.parse(await next.json()).id).toBe(lastEventId + 1)
      const [id, text] = [...(before[index] ?? [])][0] ?? [0, '']
      const repeated = await call(chat, { user: made.owner, json: { text }, headers: { 'idempotency-key': text } })
      expect(posted.parse(await repeated.json()).id).toBe(id)
    }
  })
})

describe('the commands', () => {
  it('say what is wrong in a sentence, with exit code 1', LONG, async () => {
    const [folder, made, full] = [aFolder(), aFolder(), aFolder()]
    await (await opened(made)).close()
    mkdirSync(full)
    writeFileSync(join(full, 'letter'), 'dear')
    const before = readFileSync(join(made, 'data.mdb'))
    const wrong: [kind: 'backup' | 'restore', folder: string, storeUrl: string, says: RegExp][] = [
      ['backup', folder, 'memory:', /^Only a file store can be backed up or restored\. .*\.$/],
      ['backup', full, `file:${made}`, / is not empty\. Choose a new folder\.$/],
      ['restore', made, `file:${full}`, / is not empty\. Choose a new folder\.$/],
      ['restore', made, `file:${made}`, / is not empty\. Choose a new folder\.$/],
      ['backup', folder, `file:${full}`, / contains no Silly Chat store\.$/],
      ['restore', folder, `file:${full}`, / contains no Silly Chat store\.$/],
      ['backup', join(folder, 'a', 'b'), `file:${made}`, / cannot be used: ENOENT: .*\.$/],
      ['backup', join(full, 'letter'), `file:${made}`, / cannot be used: ENOTDIR: .*\.$/]
    ]
    for (const [kind, to, storeUrl, says] of wrong) await expect(runCommand(kind, to, storeUrl)).rejects.toThrow(says)
    for (const [kind, to, storeUrl, says] of wrong.slice(0, 2)) {
      const { code, out, err } = await command([kind, to], storeUrl)
      expect([code, out], err).toEqual([1, ''])
      expect(err).toMatch(/[^\n]\n$/)
      expect(err.trimEnd()).toMatch(says)
    }
    expect(readdirSync(full)).toEqual(['letter'])
    expect(readFileSync(join(made, 'data.mdb')).equals(before)).toBe(true)
  })
})
