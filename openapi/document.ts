/** The OpenAPI document as text, for the script that writes it and the test that compares it. */
import { buildApp } from '../src/app.ts'
import { loadSettings } from '../src/settings.ts'
import { memoryStore } from '../src/store/memory-store.ts'
import { readVersion } from '../src/version.ts'

export async function buildDocument(): Promise<string> {
  const settings = loadSettings({ LOG_LEVEL: 'silent' })
  const store = memoryStore({ maxChatBytes: settings.MAX_CHAT_BYTES, maxStoreBytes: settings.MAX_STORE_BYTES })
  const app = await buildApp({ settings, store, now: Date.now, version: readVersion() })
  const answer = await app.inject('/docs/json')
  await app.close()
  return `${JSON.stringify(answer.json(), null, 2)}\n`
}
