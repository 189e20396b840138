/** A disk that is really full: a small tmpfs, filled to the last page. */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { MIN_LEFT_BYTES } from '../../../src/store/file/disk-reserve.ts'
import { lmdbDisk } from '../../../src/store/file/lmdb-disk.ts'
import { checkStore } from '../../../src/store/file/open.ts'
import { approve, call, createChat, createLink, decline, knock, post, readTexts, refusal } from '../../support/api.ts'
import { eventually } from '../../support/eventually.ts'
import { aFolder, opened } from '../../support/file-store.ts'
import { runProgram, startProgram } from '../../support/program.ts'
import { isRoot } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'
import { aChat, append, tagIn, texts } from '../contract/support.ts'

const FILL = 65_536
const MIB = 2 ** 20

/** A disk of 32 MiB, and a file on it that can fill it. */
function aSmallDisk() {
  const disk = mkdtempSync(join(tmpdir(), 'silly-chat-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', disk])
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
  it('lets rights be withdrawn and chats be closed, also after a restart, and closed chats make room', async () => {
    const disk = aSmallDisk()
    let store = await opened(disk.folder, { maxChatBytes: 64 * MIB })
    let server = await startServer({ wrap: () => store })
    const first = server.url
    const here = (url: string) => url.replace(first, server.url)
    const { chat, owner } = await createChat(server)
    const links = [await createLink(chat, owner), await createLink(chat, owner)]
    // Revoking a link closes all of its requests at once.
    const doors = await Promise.all(links.map((link) => Promise.all(Array.from({ length: 99 }, () => knock(link)))))
    const spare = await createLink(chat, owner)
    const guests = await Promise.all(Array.from({ length: 40 }, () => knock(spare)))
    const members = guests.slice(0, 20)
    for (const { requestId } of members) await approve(spare, owner, requestId)
    expect(doors.map(({ length }) => length)).toEqual([99, 99])

    const ballast = await createChat(server)
    const text = '€'.repeat(4000)
    let posts = 0
    let statuses: number[] = []
    for (; !statuses.includes(503); posts += statuses.filter((status) => status === 201).length) {
      const all = Array.from({ length: 20 }, () => call(ballast.chat, { user: ballast.owner, json: { text } }))
      statuses = (await Promise.all(all)).map(({ status }) => status)
    }
    expect(posts * 12_000).toBeGreaterThan(10 * MIB)
    disk.fill()

    const refusals = async () => {
      const answers = [
        await call(here(chat), { user: owner, json: { text: 'hello' } }),
        await call(`POST ${server.url}/v1/chats`),
        await call(`${server.url}/v1/links`, { user: owner, json: { chat: here(chat) } }),
        await call(here(spare))
      ]
      for (const answer of answers) expect(await refusal(answer)).toEqual([503, 'store-full'])
      expect(await readTexts(here(ballast.chat), ballast.owner)).toHaveLength(posts)
    }
    const withdraw = async (round: 0 | 1) => {
      const half = <Item>(all: readonly Item[]) => all.filter((_, index) => index % 2 === round)
      for (const { requestId } of half(guests)) expect((await decline(here(spare), owner, requestId)).status).toBe(200)
      for (const { client } of half(members)) {
        expect((await call(`DELETE ${here(spare)}/request`, { user: client })).status).toBe(204)
        expect((await call(here(chat), { user: client })).status).toBe(403)
      }
      const link = here(links[round] ?? '')
      expect((await call(`DELETE ${link}`, { user: owner })).status).toBe(204)
      const gone = doors[round]?.[50]
      expect((await call(link, { user: gone?.client ?? '' })).status).toBe(410)
    }
    await refusals()
    await withdraw(0)
    await refusals()
    await server.close()
    await store.close()

    store = await opened(disk.folder, { maxChatBytes: 64 * MIB })
    server = await startServer({ wrap: () => store })
    await refusals()
    await withdraw(1)
    expect((await call(`DELETE ${here(ballast.chat)}`, { user: ballast.owner })).status).toBe(204)
    // Others still use the rest of the disk.
    await eventually(
      async () => (await call(here(chat), { user: owner, json: { text: 'room' } })).status === 201,
      'the closed chat makes room'
    )
    expect(await post(here(chat), owner, 'again')).toBeGreaterThan(0)
    expect((await call(`${server.url}/ready`)).status).toBe(200)
  })

  it.each([0.1, 1, 3, 5])(
    'lets a store of %d MiB remove everything that others have left no room for',
    async (size) => {
      const disk = aSmallDisk()
      const store = await opened(disk.folder, { maxChatBytes: 64 * MIB })
      const server = await startServer({ wrap: () => store })
      const { chat, owner } = await createChat(server)
      const links = await Promise.all(Array.from({ length: 3 }, () => createLink(chat, owner)))
      for (const link of links) await Promise.all(Array.from({ length: 99 }, () => knock(link)))
      const posts = Array.from({ length: Math.ceil((size * MIB) / 1000) }, (_, index) => `${index}`.padEnd(950, '.'))
      for (let start = 0; start < posts.length; start += 500) {
        await Promise.all(posts.slice(start, start + 500).map((text) => append(store, tagIn(chat), text)))
      }
      disk.fill()
      const revoked = await Promise.all(links.map((link) => call(`DELETE ${link}`, { user: owner })))
      expect(revoked.map(({ status }) => status)).toEqual([204, 204, 204])
      expect((await call(`DELETE ${chat}`, { user: owner })).status).toBe(204)
      const isEmpty = async () => (await checkStore(disk.folder)).records === 0
      await eventually(isEmpty, 'all records are deleted', { withinMs: 10_000, everyMs: 100 })
      disk.free()
      const hasRoom = async () => (await call(`POST ${server.url}/v1/chats`)).status === 201
      await eventually(hasRoom, 'there is room again')
    }
  )

  it('leaves a reserve inside the data file that only withdrawals use', async () => {
    const small = aSmallDisk()
    mkdirSync(small.folder)
    const disk = lmdbDisk(small.folder)
    onTestFinished(() => disk.close())
    const change = (index: number) => ({ key: Buffer.from(`k${index}`), value: Buffer.alloc(20_000, index) })
    await disk.write(Array.from({ length: 100 }, (_, index) => change(index)))
    small.fill()
    let written = 100
    const fills = async (): Promise<void> => {
      for (; written < 2000; written++) await disk.write([change(written)])
    }
    await expect(fills()).rejects.toMatchObject({ name: 'DiskFault', is: 'full' })
    const before = written
    const withdraws = async (): Promise<void> => {
      for (; written < 2000; written++) await disk.write([change(written)], { isWithdrawal: true })
    }
    await expect(withdraws()).rejects.toMatchObject({ name: 'DiskFault', is: 'full' })
    // Half of the reserve.
    expect((written - before) * 20_000).toBeGreaterThan(MIB)
    expect(disk.get(change(written - 1).key)).toEqual(change(written - 1).value)
  })

  it('refuses new data with 503 and Retry-After, keeps everything acknowledged, and is used again when it has room', async () => {
    const disk = aSmallDisk()
    const printed = vi.spyOn(console, 'error')
    const store = await opened(disk.folder, { maxChatBytes: 64 * MIB })
    const server = await startServer({ wrap: () => store, env: { RATE_LIMIT: 'off' } })
    const { chat, owner } = await createChat(server)
    const stream = await openStream(`${chat}/events`, { user: owner })
    await stream.until('ready')
    disk.fill(MIN_LEFT_BYTES - MIB)
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
    expect((await call(`${server.url}/ready`)).status).toBe(503)

    // LMDB prints failed writes and can end the process, so the store must never let it run out of room.
    expect(printed).not.toHaveBeenCalled()
    disk.free()
    await eventually(async () => (await call(`${server.url}/ready`)).status === 200, 'the server is ready')
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

it('MAX_STORE_BYTES limits the file store of the built program only if it is set', async () => {
  const outcomes: number[] = []
  for (const env of [{ MAX_STORE_BYTES: '400000' }, {}]) {
    const server = await startProgram({ env: { STORE_URL: `file:${aFolder()}`, RATE_LIMIT: 'off', ...env } })
    const { chat, owner } = await createChat(server)
    const posts = Array.from({ length: 150 }, async () => {
      const { status } = await call(chat, { user: owner, json: { text: '.'.repeat(4000) } })
      return status
    })
    await Promise.all(posts)
    outcomes.push((await call(chat, { user: owner, json: { text: 'one more' } })).status)
    expect((await call(`DELETE ${chat}`, { user: owner })).status).toBe(204)
  }
  expect(outcomes).toEqual([503, 201])
})
