/** The server of a soak over a store that survives it: a process of its own, so that it can be killed. Says its URL once it listens. */
import { buildApp } from '../../dist/app.js'
import { loadSettings } from '../../dist/settings.js'
import { fileStore } from '../../dist/store/file/file-store.js'
import { lmdbDisk } from '../../dist/store/file/lmdb-disk.js'
import { folderOf, openStore } from '../../dist/store/open.js'
import { isFault, withFault } from './faults.ts'
import { hastyDisk } from './hasty-disk.ts'
import { randomFrom } from './random.ts'

const { FAULT = '', SEED } = process.env
const settings = loadSettings(process.env)
const options = {
  maxChatBytes: settings.MAX_CHAT_BYTES,
  maxStoreBytes: settings.MAX_STORE_BYTES,
  chatTtlMs: 0,
  emptyChatTtlMs: 0,
  onLost: () => undefined,
  onBack: () => undefined,
  onFault: () => undefined,
  onBroken: (fault: Error) => {
    throw fault
  }
}
const sound =
  FAULT === 'hasty'
    ? fileStore(hastyDisk(lmdbDisk(folderOf(settings.STORE_URL))), options)
    : await openStore(settings.STORE_URL, options)
const store = withFault(
  sound,
  isFault(FAULT) ? FAULT : undefined,
  randomFrom(Number(SEED)),
  new AbortController().signal
)
const app = await buildApp({ settings, store, now: Date.now, version: '0.0.0' })
process.once('SIGTERM', async () => {
  await app.close()
  await store.close()
  process.disconnect()
})
process.send?.(await app.listen({ host: '127.0.0.1', port: settings.PORT }))
