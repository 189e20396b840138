/** Swagger UI in a browser. */
import { expect, it } from 'vitest'
import { startChromium } from '../../foreign/chromium.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { openWindow } from '../window.ts'

it.skipIf(!haveAll('chromium'))(
  'the API is tried out in Swagger UI, with a user id, and its policy stops nothing',
  async () => {
    const server = await startServer()
    const { page, complaints } = await openWindow(await startChromium())
    await page.goto(`${server.url}/docs`)

    const create = page.locator('#operations-chats-createChat')
    await create.locator('.opblock-summary-control').click()
    await create.getByRole('button', { name: 'Execute' }).click()
    const answer = await create.locator('.live-responses-table .microlight').first().innerText()
    const { chat, author_id } = JSON.parse(answer)
    expect(chat).toMatch(server.url)

    await page.getByRole('button', { name: 'Authorize' }).first().click()
    await page.getByLabel('auth-bearer-value').fill(author_id)
    await page.getByRole('button', { name: 'Apply credentials' }).click()
    await page.getByRole('button', { name: 'Close', exact: true }).click()

    const read = page.locator('#operations-chats-readChat')
    await read.locator('.opblock-summary-control').click()
    await read.getByPlaceholder('chat').fill(chat.split('/').at(-1))
    await read.getByRole('button', { name: 'Execute' }).click()
    await read.getByText('"last_event_id": 0').first().waitFor()

    expect(complaints).toEqual([])
  },
  60_000
)
