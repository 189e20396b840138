/** Nobody but the owner reads the folder of a store, and a backup has nothing of what was closed. */
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ChatTag } from '../../../src/chat/ids.ts'
import { copyStore } from '../../../src/store/file/open.ts'
import { turns } from '../../support/disks.ts'
import { aFolder, opened } from '../../support/file-store.ts'
import { isRoot } from '../../support/real-parts.ts'
import { aChat, append, commitKnock, texts } from '../contract/support.ts'

/** The permissions of a folder and of everything in it. */
function modesOf(folder: string): Record<string, string> {
  const paths = ['.', ...readdirSync(folder)]
  return Object.fromEntries(paths.map((name) => [name, (statSync(join(folder, name)).mode & 0o7777).toString(8)]))
}

const PRIVATE = { '.': '700', 'data.mdb': '600', 'lock.mdb': '600', 'silly-chat-format': '600' }
const PRIVATE_COPY = { '.': '700', 'data.mdb': '600', 'silly-chat-format': '600' }

function widen(folder: string): void {
  chmodSync(folder, 0o755)
  for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o664)
}

describe.each([0o000, 0o022, 0o077])('with the umask %i', (umask) => {
  beforeAll(() => {
    const before = process.umask(umask)
    return () => void process.umask(before)
  })

  it('a new folder is private', async () => {
    const folder = aFolder()
    const store = await opened(folder)
    await append(store, await aChat(store), 'hello')
    expect(modesOf(folder)).toEqual(PRIVATE)
  })

  it('a copy is private, also in a folder that was not', async () => {
    const [folder, copy, wide] = [aFolder(), aFolder(), aFolder()]
    const store = await opened(folder)
    await append(store, await aChat(store), 'hello')
    mkdirSync(wide, { mode: 0o777 })
    for (const target of [copy, wide]) {
      await copyStore(folder, target)
      expect(modesOf(target)).toEqual(PRIVATE_COPY)
    }
  })
})

describe('a folder that others can read', () => {
  it('is private once it has been opened, and other files in it stay as they are', async () => {
    const folder = aFolder()
    await (await opened(folder)).close()
    mkdirSync(join(folder, 'lost+found'))
    widen(folder)
    await opened(folder)
    expect(modesOf(folder)).toEqual({ ...PRIVATE, 'lost+found': '664' })
  })

  it('stays as it is if it is not only for the store, and the files of the store are private', async () => {
    const folder = aFolder()
    await (await opened(folder)).close()
    writeFileSync(join(folder, 'letter'), 'dear')
    widen(folder)
    await opened(folder)
    expect(modesOf(folder)).toEqual({ ...PRIVATE, '.': '755', letter: '664' })
  })

  it('stays as it is if it is refused', async () => {
    const [folder, letters] = [aFolder(), aFolder()]
    await (await opened(folder)).close()
    mkdirSync(letters)
    writeFileSync(join(letters, 'data.mdb'), 'dear')
    widen(letters)
    const before = modesOf(letters)
    await expect(opened(letters)).rejects.toThrow(/Choose another folder/)
    await expect(copyStore(folder, letters)).rejects.toThrow(/is not empty/)
    expect(modesOf(letters)).toEqual(before)
  })

  it.skipIf(!isRoot())('stays as it is and can be used if it belongs to another user', async () => {
    const folder = aFolder()
    await (await opened(folder)).close()
    widen(folder)
    for (const name of ['.', ...readdirSync(folder)]) chownSync(join(folder, name), 65_534, 65_534)
    const before = modesOf(folder)
    const store = await opened(folder)
    await append(store, await aChat(store), 'hello')
    expect(modesOf(folder)).toEqual(before)
  })
})

describe('a copy', () => {
  /** Chats with texts of all lengths, among them those that need pages of their own. */
  async function aStoreWithAClosedChat(folder: string) {
    const store = await opened(folder)
    const [open, closed] = [await aChat(store), await aChat(store)]
    const lengths = [10, 500, 1500, 2100, 3000, 4000, 9000]
    for (const length of lengths) {
      await append(store, closed, 'top secret '.padEnd(length, 'SECRET'))
      await append(store, open, 'well known '.padEnd(length, 'KNOWN'))
    }
    await commitKnock(store, closed)
    await commitKnock(store, open)
    await store.remove(closed)
    return { store, open, closed, known: lengths.map((length) => 'well known '.padEnd(length, 'KNOWN')) }
  }

  async function expectNothingOf(closed: ChatTag, copy: string): Promise<void> {
    const bytes = readFileSync(join(copy, 'data.mdb'))
    expect(['SECRET', closed].map((text) => bytes.includes(text))).toEqual([false, false])
    expect(bytes.includes('KNOWN')).toBe(true)
  }

  it('has all open chats and no byte of a closed one, also while its records are being deleted', async () => {
    const [folder, early, late] = [aFolder(), aFolder(), aFolder()]
    const { store, open, closed, known } = await aStoreWithAClosedChat(folder)
    await copyStore(folder, early)
    await turns(20)
    await store.idleChats(0, 0)
    await store.close()
    // What is deleted is still in pages that are free.
    expect(readFileSync(join(folder, 'data.mdb')).includes('SECRET')).toBe(true)
    await copyStore(folder, late)
    for (const copy of [early, late]) {
      await expectNothingOf(closed, copy)
      const restored = await opened(copy)
      expect(await texts(restored, open)).toEqual(known)
      expect(await restored.load(closed)).toBeUndefined()
    }
  })

  it('takes no more space than what it holds', async () => {
    const [folder, copy] = [aFolder(), aFolder()]
    const { store } = await aStoreWithAClosedChat(folder)
    await store.close()
    await copyStore(folder, copy)
    const [before, after] = [folder, copy].map((path) => statSync(join(path, 'data.mdb')).size)
    expect(after).toBeLessThan((before ?? 0) / 2)
  })

  it('can be made of an empty store', async () => {
    const [folder, copy] = [aFolder(), aFolder()]
    await (await opened(folder)).close()
    await copyStore(folder, copy)
    const restored = await opened(copy)
    expect(await restored.idleChats(1e15, 1e15)).toEqual([])
  })
})
