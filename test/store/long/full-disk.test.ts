/** A disk that is really full: a small tmpfs, filled to the last page. */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { call, createChat, createLink, readTexts, refusal } from '../../support/api.ts'
import { opened } from '../../support/file-store.ts'
import { runProgram } from '../../support/program.ts'
import { isRoot } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'
import { aChat, append, texts } from '../contract/support.ts'

const FILL = 65_536

/** A disk of four megabytes, and a file on it that can fill it. */
function aSmallDisk() {
  const disk = mkdtempSync(join(tmpdir(), 'silly-chat-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk])
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', disk])
    rmSync(disk, { recursive: true })
  })
  const ballast = join(disk, 'ballast')
  return {
    folder: join(disk, 'chats'),
    /** Leaves no page free, or only this number of bytes. */
    fill: (free = 0) => {
      const file = openSync(ballast, 'a')
      try {
        for (;;) writeSync(file, Buffer.alloc(FILL))
      } catch {
        closeSync(file)
      }
      if (free > 0) truncateSync(ballast, statSync(ballast).size - free)
    },
    free: () => rmSync(ballast)
  }
}

describe.skipIf(!isRoot('mount', 'umount'))('a full disk', () => {
  it('refuses new data with 503 and Retry-After, keeps everything acknowledged, and is used again when it has room', async () => {
    const disk = aSmallDisk()
    const printed = vi.spyOn(console, 'error')
    const store = await opened(disk.folder)
    const server = await startServer({ wrap: () => store, env: { RATE_LIMIT: 'off' } })
    const { chat, owner } = await createChat(server)
    const stream = await openStream(`${chat}/events`, { user: owner })
    await stream.until('ready')
    disk.fill(400_000)
    const text = (name: string) => name.padEnd(4000, '.')
    const post = (name: string) =>
      call(chat, { user: owner, json: { text: text(name) }, headers: { 'idempotency-key': name } })
    const accepted: string[] = []
    const refused: string[] = []
    const postAll = async (names: readonly string[]) => {
      const answers = await Promise.all(names.map(post))
      for (const [index, answer] of answers.entries()) {
        const isAccepted = answer.status === 201
        const outcomes = isAccepted ? accepted : refused
        outcomes.push(names[index] ?? '')
        if (isAccepted) continue
        expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
        expect(await refusal(answer)).toEqual([503, 'store-full'])
      }
    }
    for (let count = 0; refused.length < 8; count++)
      await postAll([0, 1, 2, 3].map((index) => `post ${count}-${index}`))
    expect(accepted.length).toBeGreaterThan(8)
    disk.fill()
    // LMDB can still find a free page among those used before.
    for (let count = 0; refused.length < 10; count++) await postAll([`late post ${count}`])
    let creation = await call(`POST ${server.url}/v1/chats`)
    while (creation.status === 201) creation = await call(`POST ${server.url}/v1/chats`)
    expect(await refusal(creation)).toEqual([503, 'store-full'])

    const acknowledged = [...accepted].map(text).sort()
    expect((await readTexts(chat, owner)).sort()).toEqual(acknowledged)
    for (const name of accepted) expect((await post(name)).status).toBe(201)
    const replayed = await openStream(`${chat}/events?last_event_id=0`, { user: owner })
    const ids = (await replayed.until('ready')).flatMap(({ event, id }) => (event === 'message' ? [Number(id)] : []))
    expect(ids).toEqual(accepted.map((_, index) => index + 1))
    expect((await call(`${server.url}/ready`)).status).toBe(200)

    // LMDB prints failed writes and can end the process, so the store must never let it run out of room.
    expect(printed).not.toHaveBeenCalled()
    disk.free()
    for (const name of [...refused, ...accepted, ...refused]) expect((await post(name)).status).toBe(201)
    const all = [...accepted, ...refused].map(text)
    expect((await readTexts(chat, owner)).sort()).toEqual([...all].sort())
    for (const [index] of all.entries()) expect(Number((await stream.next())?.id)).toBe(index + 1)
    await createLink(chat, owner)
    await server.close()
    await store.close()
    const reopened = await opened(disk.folder)
    const next = await startServer({ wrap: () => reopened })
    expect((await readTexts(chat.replace(server.url, next.url), owner)).sort()).toEqual([...all].sort())
  })

  it('prevents a start with a message, and the next start succeeds when it has room', async () => {
    const disk = aSmallDisk()
    disk.fill()
    for (const prepare of [() => {}, () => mkdirSync(disk.folder, { recursive: true })]) {
      prepare()
      await expect(opened(disk.folder)).rejects.toThrow(/ cannot be (used|opened): .*(ENOSPC|[Nn]o space left).*\.$/)
    }
    disk.free()
    const store = await opened(disk.folder)
    const tag = await aChat(store)
    await append(store, tag, 'hello')
    await store.close()
    rmSync(join(disk.folder, 'lock.mdb'))
    disk.fill()
    // LMDB itself would crash the process here.
    const { code, err } = await runProgram({ env: { STORE_URL: `file:${disk.folder}` } }).ended
    expect([code, err]).toEqual([1, expect.stringMatching(/^[^\n]* cannot be used: ENOSPC[^\n]*\.\n$/)])
    disk.free()
    expect(await texts(await opened(disk.folder), tag)).toEqual(['hello'])
  })
})
