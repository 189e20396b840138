/** A server of a soak, in its own process so that it can be killed. Like the program, it prints when it listens. */
import { loadSettings } from '../../dist/cli/settings.js'
import { buildApp } from '../../dist/http/app.js'
import { fileStore } from '../../dist/store/file/file-store.js'
import { lmdbDisk } from '../../dist/store/file/lmdb-disk.js'
import { folderOf, openStore } from '../../dist/store/open.js'
import { chooseSeed, randomFrom } from '../kit/random.ts'
import { isFault, withFault } from './faults.ts'
import { hastyDisk } from './hasty-disk.ts'

const { FAULT = '' } = process.env
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
const calm = new AbortController()
process.on('message', () => calm.abort())
const store = withFault(sound, isFault(FAULT) ? FAULT : undefined, randomFrom(chooseSeed()), calm.signal)
const app = await buildApp({ settings, store, now: Date.now, version: '0.0.0' })
process.once('SIGTERM', async () => {
  await app.close()
  await store.close()
  process.disconnect()
})
process.stdout.write(`The soak's server listens on ${await app.listen({ host: '127.0.0.1', port: settings.PORT })}\n`)
