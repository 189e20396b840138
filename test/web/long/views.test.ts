/**
 * Every view of the page, in both colour schemes, on a small phone and a wide screen: axe finds no violation, nothing is
 * wider than the window, and there are no errors. Screenshots are stored in `test/web/shots`.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { startChromium } from '../../foreign/chromium.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createChatWithWaiting,
  createHandover,
  createLink,
  decline,
  knock,
  post
} from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import { openWindow, pasteKey, untilLive } from '../window.ts'

const SHOTS = fileURLToPath(new URL('../shots/', import.meta.url))
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const SCHEMES = ['light', 'dark'] as const
const SIZES = [
  { width: 320, height: 640 },
  { width: 1200, height: 800 }
] as const
const NOBODY = '6f1c1f52-7a53-4a3c-9a9b-0c8a1b1d2e3f'
const LONG_NAME = 'Hubert Blaine Wolfeschlegelsteinhausenbergerdorff the Elder, Sr.'
/** The maximum number of consecutive combining marks in a name. */
const MARKS = '\u0321\u0308\u0353\u0346'

type Stored = Record<string, unknown>

interface Scene {
  readonly server: TestServer
  readonly page: Page
  /** Opens an address in a browser with these stored values. */
  open(address: string, stored?: Stored): Promise<void>
}

const pathOf = (url: string): string => new URL(url).pathname

/** The stored values of a member. */
function key(chat: string, userId: string, more: object = {}): Stored {
  const own = { userId, name: 'Olga', since: Date.UTC(2026, 10, 20), ...more }
  return { [`silly-chat:chat:${pathOf(chat)}`]: own }
}

/** The stored values of a pending guest. */
function request(link: string, clientId: string, requestId: string): Stored {
  return { [`silly-chat:request:${pathOf(link)}`]: { clientId, requestId, name: 'Ana' } }
}

const button = (page: Page, name: string | RegExp): Promise<void> => page.getByRole('button', { name }).click()
const heading = (page: Page, name: string): Promise<void> => page.getByRole('heading', { name }).waitFor()

/** Opens a chat with messages of three days. */
async function talk(
  { server, page, open }: Scene,
  as: 'owner' | 'guest',
  more: (path: string) => Stored = () => ({})
): Promise<string> {
  const { chat, owner, link, member } = await createChatWithMember(server)
  const sent: number[] = []
  const postAs = async (text: string, minutes: number): Promise<void> => {
    server.clock.now += minutes * 60_000
    const id = await post(chat, as === 'owner' || !text.startsWith('Olga') ? owner : member, text)
    if (text.startsWith(as === 'owner' ? 'Olga' : 'Ana')) sent.push(id)
  }
  const begun = server.clock.now
  server.clock.now -= 2 * 86_400_000
  await postAs('Ana: Good morning! Is the walk still on for Saturday?', 0)
  await postAs('Olga: It is. We meet at the old lock at nine, and go up along the river as far as the mill.', 3)
  await postAs('Olga: Bring something to eat.', 1)
  await postAs('Ana: 👍', 30)
  server.clock.now += 86_400_000
  await postAs(
    'Ana: The way is described at https://example.org/walks/river-and-mill?day=saturday#map (with a map).',
    20
  )
  await postAs('Ben Østergård: I come a little later:\n\n1.  the dog\n2.  the car\n3.  then you', 2)
  await postAs('מיכל: שלום לכולם, אני מגיעה עם הילדים בשעה תשע.', 1)
  await postAs('Somebody with curl says this without a name in front of it.', 1)
  await postAs(`Ana: ${'unbreakable'.repeat(12)}`, 1)
  await postAs('Olga: See you there', 1)
  server.clock.now = begun
  const self = as === 'owner' ? key(chat, owner) : key(chat, member, { name: 'Ana', link: pathOf(link) })
  await open(chat, {
    ...self,
    [`silly-chat:sent:${pathOf(chat)}`]: sent,
    ...more(pathOf(chat))
  })
  await page.getByText('See you there').waitFor()
  await untilLive(page)
  return chat
}

/** Opens an empty chat as its owner. */
async function empty({ server, page, open }: Scene): Promise<{ chat: string; owner: string }> {
  const made = await createChat(server)
  await open(made.chat, key(made.chat, made.owner))
  await untilLive(page)
  return made
}

/** Opens the page of a pending guest. */
async function atTheDoor({ server, page, open }: Scene, limits: { expires_in?: number; max_guests?: number } = {}) {
  const waiting = await createChatWithWaiting(server, limits)
  await open(waiting.link, request(waiting.link, waiting.ana.client, waiting.ana.requestId))
  await heading(page, 'Waiting to be let in')
  return waiting
}

type View = (scene: Scene) => Promise<unknown>
type Views = Record<string, View>

const OUTSIDE: Views = {
  start: async ({ server, page, open }) => {
    await open(server.url)
    await heading(page, 'Silly Chat')
  },
  'start-with-chats': async ({ server, page, open }) => {
    const since = Date.UTC(2026, 10, 20)
    const chat = { userId: NOBODY, name: 'Olga', since }
    await open(server.url, {
      'silly-chat:name': 'Olga',
      'silly-chat:chat:/v1/chats/a': { ...chat, name: '' },
      'silly-chat:chat:/v1/chats/b': { ...chat, link: '/v1/links/b', since: since - 40 * 86_400_000 },
      'silly-chat:chat:/v1/chats/c': {
        ...chat,
        name: LONG_NAME.slice(0, 40),
        others: [LONG_NAME.slice(0, 40), 'Ben', 'מיכל']
      },
      'silly-chat:chat:/v1/chats/d': { ...chat, others: ['Ana'] },
      'silly-chat:chat:/v1/chats/e': { ...chat, hasEnded: true }
    })
    await page.getByText('With Ana').waitFor()
  },
  'start-name-refused': async ({ server, page, open }) => {
    await open(server.url, { 'silly-chat:name': 'Olga: the owner' })
    await page.getByText("Names can't contain a colon.").waitFor()
  },
  'start-unreachable': async ({ server, page, open }) => {
    await page.route('**/v1/chats', (route) => route.abort())
    await open(server.url)
    await button(page, 'Start a chat')
    await page.getByText("Can't reach the server").waitFor()
  },
  'nothing-kept': async ({ server, page, open }) => {
    await page.addInitScript(
      "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })"
    )
    await open(server.url)
    await page.getByText('Your browser is blocking storage').waitFor()
  },
  'not-in': async ({ server, page, open }) => {
    await open((await createChat(server)).chat)
    await heading(page, "You're not in this chat on this browser")
  },
  handover: async ({ server, page, open }) => {
    await open(`${await createHandover(server)}#${'A'.repeat(43)}`)
    await heading(page, 'Use this chat here?')
  },
  'handover-used': async ({ server, page, open }) => {
    await open(`${server.url}/v1/handovers/${'x'.repeat(36)}#${'A'.repeat(43)}`)
    await button(page, 'Use it here')
    await heading(page, 'This link no longer works')
  },
  'handover-without-key': async ({ server, page, open }) => {
    await open(await createHandover(server))
    await heading(page, "This link isn't complete")
  },
  'paste-a-key': async ({ server, page, open }) => {
    await open(server.url)
    await page.getByText('I have a key from another device').click()
    await page.getByLabel('Your key').fill('x'.repeat(500))
    await page.getByRole('button', { name: 'Use it here' }).click()
    await page.getByText("This isn't a Silly Chat key.").waitFor()
  },
  'in-already': async ({ server, page, open }) => {
    const { chat, owner } = await createChat(server)
    await open(server.url, key(chat, owner))
    const link = chat.replace('/chats/', '/links/')
    await pasteKey(page, { chat, role: 'guest', userId: NOBODY, name: 'Ana', link })
    await heading(page, "You're already in this chat here")
  },
  removed: async ({ server, page, open }) => {
    const { chat, owner, member, link, requestId } = await createChatWithMember(server)
    await open(chat, key(chat, member, { link: pathOf(link) }))
    await untilLive(page)
    await decline(link, owner, requestId)
    await heading(page, "You're no longer in this chat")
  },
  left: async ({ server, page, open }) => {
    const { chat, member, link } = await createChatWithMember(server)
    await open(chat, key(chat, member, { link: pathOf(link) }))
    await untilLive(page)
    await call(`DELETE ${link}/request`, { user: member })
    await heading(page, 'You left this chat')
  },
  closed: async ({ server, page, open }) => {
    const { chat, owner } = await createChat(server)
    await call(`DELETE ${chat}`, { user: owner })
    await open(chat, key(chat, owner))
    await heading(page, 'This chat is closed')
  }
}

const AT_THE_DOOR: Views = {
  'guest-asks': async ({ server, page, open }) => {
    const { link } = await createChatWithMember(server)
    await open(link)
    await heading(page, 'You are invited to a chat')
  },
  'guest-asks-in-vain': async ({ server, page, open }) => {
    const { link } = await createChatWithMember(server)
    await open(link, { 'silly-chat:name': 'Ana' })
    await page.context().setOffline(true)
    await button(page, 'Ask to join')
    await page.getByText("Can't reach the server").waitFor()
  },
  'guest-waits': (scene) => atTheDoor(scene),
  'guest-waits-lost': async (scene) => {
    await atTheDoor(scene)
    await scene.page.context().setOffline(true)
    await scene.page.getByText('No connection').waitFor()
  },
  'guest-declined': async (scene) => {
    const { link, owner, ana } = await atTheDoor(scene)
    await decline(link, owner, ana.requestId)
    await heading(scene.page, "You weren't let in")
  },
  'guest-takes-back': async (scene) => {
    await atTheDoor(scene)
    await button(scene.page, 'Cancel request')
    await heading(scene.page, 'Request cancelled')
  },
  'guest-link-expired': async ({ server, page, open }) => {
    const { link, ana } = await createChatWithWaiting(server, { expires_in: 60 })
    server.clock.now += 60_000
    await open(link, request(link, ana.client, ana.requestId))
    await heading(page, 'This invite has expired')
  },
  'guest-link-revoked': async (scene) => {
    const { link, owner } = await atTheDoor(scene)
    await call(`DELETE ${link}`, { user: owner })
    await heading(scene.page, 'This invite was cancelled')
  },
  'guest-link-full': async (scene) => {
    const { link, owner, ben } = await atTheDoor(scene, { max_guests: 1 })
    await approve(link, owner, ben.requestId)
    await heading(scene.page, 'This invite is full')
  },
  'guest-link-not-found': async ({ server, page, open }) => {
    await open(`${server.url}/v1/links/${'x'.repeat(32)}`)
    await heading(page, "This invite link doesn't work")
  },
  'guest-unknown': async ({ server, page, open }) => {
    const { link } = await createChatWithMember(server)
    await open(link, request(link, NOBODY, 'AAAA-AAAA'))
    await heading(page, 'This browser has no request here')
  },
  'guest-ended-otherwise': async ({ server, page, open }) => {
    const { link, ana } = await createChatWithWaiting(server)
    await page.route('**/events', (route) =>
      route.fulfill({ status: 410, json: { type: 'urn:silly-chat:teapot', status: 410, detail: 'Short and stout' } })
    )
    await open(link, request(link, ana.client, ana.requestId))
    await heading(page, "That didn't work")
  },
  inside: async ({ server, page, open }) => {
    const { chat, owner } = await createChat(server)
    await open(await createLink(chat, owner), key(chat, owner))
    await heading(page, "You're already in this chat")
  }
}

const IN_CHAT: Views = {
  'chat-connecting': async ({ server, page, open }) => {
    const { chat, owner } = await createChat(server)
    await page.route('**/events', () => undefined)
    await open(chat, key(chat, owner))
    await page.getByText('Connecting…').waitFor()
  },
  'chat-empty': (scene) => empty(scene),
  'chat-empty-guest': async ({ server, page, open }) => {
    const { chat, member, link } = await createChatWithMember(server)
    await open(chat, key(chat, member, { link: pathOf(link) }))
    await untilLive(page)
  },
  'knock-one': async (scene) => {
    const { chat, owner } = await empty(scene)
    await knock(await createLink(chat, owner), 'Ana')
    await scene.page.getByText('Someone wants to join').waitFor()
  },
  'knock-three': async (scene) => {
    const chat = await talk(scene, 'owner')
    const link = await createLink(chat)
    await knock(link, LONG_NAME)
    await knock(link, `Z${MARKS}a${MARKS}l${MARKS}g${MARKS}o`)
    await knock(link)
    await scene.page.getByText('3 people want to join').waitFor()
  },
  'knock-without-seats': async (scene) => {
    const { chat, owner } = await empty(scene)
    const link = await createLink(chat, owner, { max_guests: 1 })
    for (const name of ['Ana', 'Ben', LONG_NAME]) await knock(link, name)
    await scene.page.getByText('3 people want to join').waitFor()
    // The page ignores a click that follows at once.
    await scene.page.waitForTimeout(500)
    await button(scene.page, 'Let all in')
    await scene.page.getByText("2 people weren't let in").waitFor()
    await knock(await createLink(chat, owner), 'Cem')
    await scene.page.getByText('Someone wants to join').waitFor()
  },
  'talk-owner': (scene) => talk(scene, 'owner'),
  'talk-guest': (scene) => talk(scene, 'guest'),
  'talk-unsent': async (scene) => {
    const refused = 'This chat is full: messages of 8388608 bytes are in it. Start another.'
    const drafts = (path: string): Stored => ({
      [`silly-chat:outbox:${path}:a`]: { key: 'a', text: 'Olga: This one the server would not have.', refused },
      [`silly-chat:outbox:${path}:b`]: { key: 'b', text: 'Olga: This one is on its way.' }
    })
    await scene.page.route('**/v1/chats/*', (route) =>
      route.request().method() === 'POST' ? route.abort() : route.continue()
    )
    await talk(scene, 'owner', drafts)
    await scene.page.getByText('Sending…').waitFor()
  },
  'talk-lost': async (scene) => {
    await talk(scene, 'owner')
    await scene.page.context().setOffline(true)
    await scene.page.getByText('No connection').waitFor()
  },
  'talk-scrolled-up': async (scene) => {
    const { chat, owner } = await createChat(scene.server)
    for (let n = 1; n <= 40; n++) await post(chat, owner, `Ana: Line ${n} of what there is to say`)
    await scene.open(chat, key(chat, owner))
    await scene.page.getByText('Line 40').waitFor()
    await untilLive(scene.page)
    // The page has processed the event after two frames.
    await scene.page.evaluate(`{
      document.querySelector('.scroll').scrollTop = 100
      new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))
    }`)
    await post(chat, owner, 'Ana: And one more')
    await scene.page.getByText('1 new message').waitFor()
  },
  'talk-long-draft': async ({ server, page, open }) => {
    const { chat, owner } = await createChat(server)
    const draft = `${'What is about to be said may be long. '.repeat(104)}!`
    await open(chat, { ...key(chat, owner), [`silly-chat:draft:${pathOf(chat)}`]: draft })
    await page.getByText('characters left').waitFor()
    await untilLive(page)
  }
}

const DIALOGS: Views = {
  invite: async (scene) => {
    await empty(scene)
    await button(scene.page, 'Invite')
  },
  'invite-made': async (scene) => {
    await empty(scene)
    await button(scene.page, 'Invite')
    await button(scene.page, 'Make a link')
    await scene.page.locator('.qr').waitFor()
  },
  'invite-refused': async (scene) => {
    const { chat, owner } = await empty(scene)
    for (let n = 0; n < 100; n++) await createLink(chat, owner)
    await button(scene.page, 'Invite')
    await button(scene.page, 'Make a link')
    await scene.page.getByText("can't have more open links").waitFor()
  },
  people: (scene) => people(scene),
  'people-nobody': async (scene) => {
    await empty(scene)
    await button(scene.page, 'People')
    await scene.page.getByText('No links yet').waitFor()
  },
  'links-of-others': async (scene) => {
    const { chat } = await empty(scene)
    for (let n = 0; n < 3; n++) await createLink(chat)
    await button(scene.page, 'People')
    await scene.page.getByText('Revoke all links but mine…').waitFor()
  },
  'revoke-confirmation': async (scene) => {
    const { chat, owner } = await empty(scene)
    await createLink(chat)
    await createLink(chat, owner)
    await button(scene.page, 'People')
    await button(scene.page, 'Revoke all links but mine…')
  },
  'close-confirmation': async (scene) => {
    await people(scene)
    await button(scene.page, 'Close this chat…')
  },
  more: async (scene) => {
    await talk(scene, 'guest')
    await button(scene.page, 'More')
  },
  'leave-confirmation': async (scene) => {
    await talk(scene, 'guest')
    await button(scene.page, 'More')
    await button(scene.page, 'Leave this chat…')
  },
  carry: async (scene) => {
    await talk(scene, 'guest')
    await button(scene.page, 'More')
    await button(scene.page, 'Use on another device')
    await scene.page.locator('.qr').waitFor()
  }
}

/** A chat with several members, a declined guest, a pending guest, and links in every state. */
async function people({ server, page, open }: Scene): Promise<void> {
  const { chat, owner, link } = await createChatWithWaiting(server)
  const limited = await createLink(chat, owner, { max_guests: 2, expires_in: 604_800 })
  const full = await createLink(chat, owner, { max_guests: 1 })
  const revoked = await createLink(chat, owner)
  const expiring = await createLink(chat, owner, { expires_in: 60 })
  for (const one of [full, limited, expiring]) {
    const guest = await knock(one, one === full ? LONG_NAME : 'Ben')
    await approve(one, owner, guest.requestId)
  }
  await decline(link, owner, (await knock(link, 'Mallory')).requestId)
  await call(`DELETE ${revoked}`, { user: owner })
  server.clock.now += 60_000
  await open(chat, key(chat, owner))
  await untilLive(page)
  await button(page, 'People')
  await page.getByText('expired').waitFor()
}

/** The rules that depend on colours and sizes. The others need to be checked only once per view. */
const VISUAL_RULES = ['color-contrast', 'link-in-text-block', 'scrollable-region-focusable', 'target-size']

/** The violations of the current view; by default of all rules. */
async function violationsIn(page: Page, rules?: string[]): Promise<string[]> {
  const options = { resultTypes: ['violations'], ...(rules !== undefined && { runOnly: rules }) }
  return await page.evaluate(`(async () => {
    const { violations } = await axe.run(${JSON.stringify(options)})
    const { scrollWidth } = document.scrollingElement
    return [
      ...violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')),
      ...(scrollWidth > innerWidth ? [scrollWidth + ' px wide in ' + innerWidth] : [])
    ]
  })()`)
}

async function store(page: Page, stored: Stored): Promise<void> {
  const items = Object.entries(stored).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value)
  ])
  // Only once: after a reload the page must find what it has stored itself.
  await page.addInitScript(`if (sessionStorage.isPrepared === undefined) {
    for (const [name, value] of ${JSON.stringify(items)}) localStorage.setItem(name, value)
    sessionStorage.isPrepared = ''
  }`)
}

function opener(page: Page): Scene['open'] {
  return async (address, stored = {}) => {
    if (Object.keys(stored).length > 0) await store(page, stored)
    await page.goto(address)
  }
}

async function check(server: TestServer, browser: Browser, name: string, show: View): Promise<unknown[]> {
  const { page, errors } = await openWindow(browser, SIZES[0])
  await show({ server, page, open: opener(page) })
  await page.evaluate(AXE)
  const violations: string[] = []
  for (const size of SIZES) {
    await page.setViewportSize(size)
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme })
      await page.screenshot({ path: `${SHOTS}${name}-${colorScheme}-${size.width}.png` })
      const isFirst = size === SIZES[0] && colorScheme === SCHEMES[0]
      violations.push(...(await violationsIn(page, isFirst ? undefined : VISUAL_RULES)))
    }
  }
  await page.context().close()
  return [name, [...new Set(violations)], errors]
}

/** How many views are checked at the same time, each with its own server and clock. */
const LANES = 2

for (const [of, views] of Object.entries({
  'before and after a chat': OUTSIDE,
  'at the door': AT_THE_DOOR,
  'in a chat': IN_CHAT,
  'in a dialog': DIALOGS
})) {
  it.skipIf(!haveAll('chromium'))(
    `every view ${of} is accessible in both colour schemes, from a width of 320 px`,
    async () => {
      const browser = await startChromium()
      const waiting = Object.entries(views)
      const found = new Map<string, unknown>()
      const lane = async (): Promise<void> => {
        const server = await startServer({ env: { RATE_LIMIT: 'off' } })
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          found.set(next[0], await check(server, browser, ...next))
        }
      }
      await Promise.all(Array.from({ length: LANES }, lane))
      expect(Object.keys(views).map((name) => found.get(name))).toEqual(
        Object.keys(views).map((name) => [name, [], []])
      )
    },
    240_000
  )
}

const countAnimations = (page: Page): Promise<number> =>
  page.evaluate("document.getAnimations().filter(({ playState }) => playState === 'running').length")

it.skipIf(!haveAll('chromium'))('nothing moves for people who prefer reduced motion', async () => {
  const server = await startServer()
  const { page } = await openWindow(await startChromium(), SIZES[0])
  await atTheDoor({ server, page, open: opener(page) })
  expect(await countAnimations(page)).toBe(3)
  await page.emulateMedia({ reducedMotion: 'reduce' })
  expect(await countAnimations(page)).toBe(0)
})

it.skipIf(!haveAll('chromium'))('everything is visible in forced colours', async () => {
  const server = await startServer()
  const { page, errors } = await openWindow(await startChromium(), SIZES[0])
  await talk({ server, page, open: opener(page) }, 'owner')
  await page.evaluate(AXE)
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ forcedColors: 'active', colorScheme })
    await page.screenshot({ path: `${SHOTS}talk-forced-${colorScheme}-320.png` })
    // Without contrast: axe does not know the colours that the system has forced.
    expect(await violationsIn(page, ['target-size'])).toEqual([])
  }
  // The dot has a meaning only by its colour, which must be kept.
  expect(await page.evaluate("getComputedStyle(document.querySelector('.dot')).forcedColorAdjust")).toBe('none')
  expect(errors).toEqual([])
})
