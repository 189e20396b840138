/** The page with the keyboard alone, for screen readers, and in the background. */
import type { Browser, Locator, Page } from 'playwright-core'
import { encode } from 'uqr'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium, launchWholeChromium } from '../../foreign/chromium.ts'
import {
  approve,
  call,
  createChatWithMember,
  createLink,
  decline,
  knock,
  linksOf,
  post,
  requestsOf
} from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { expectTexts, openWindow, send, startChat, untilLive, type Window } from '../window.ts'

/** The focused element: its tag name and label. Empty if the focus is not visible. */
const FOCUSED = `(() => {
  const focused = document.activeElement
  if (focused === null || focused === document.body) return 'nothing'
  const { width, height, top, left } = focused.getBoundingClientRect()
  const inView = width > 1 && height > 1 && top < innerHeight && left < innerWidth && top + height > 0 && left + width > 0
  const marked = getComputedStyle(focused).outlineStyle !== 'none' || focused.tagName === 'H1'
  const label = focused.getAttribute('aria-label') ?? focused.labels?.[0]?.innerText ?? focused.innerText
  return inView && marked ? focused.tagName.toLowerCase() + ' ' + label.trim().replace(/Asked .*/, 'Asked AGO') : ''
})()`

async function hasFocus(page: Page, what: string): Promise<void> {
  await expect.poll(() => page.evaluate(FOCUSED), { timeout: 10_000 }).toBe(what)
}

/** Presses a key until this element has the focus, which must always be visible. */
async function goTo(page: Page, target: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  await target.waitFor()
  for (let presses = 0; presses < 30; presses++) {
    await page.keyboard.press(key)
    expect(await page.evaluate(FOCUSED)).not.toBe('')
    if ((await target.and(page.locator(':focus')).count()) === 1) return
  }
  throw new Error(`no ${key} leads to ${target}`)
}

const button = (page: Page, name: string | RegExp): Locator => page.getByRole('button', { name, exact: true })

/** The accessibility tree, without values that differ between runs. */
async function accessibilityTree(part: Locator): Promise<string> {
  const tree = await part.ariaSnapshot()
  return tree
    .replace(/[0-9A-Z]{4}-[0-9A-Z]{4}/g, 'CODE')
    .replace(/\d+:\d\d\s[AP]M/g, 'TIME')
    .replace(/Nov \d+, 2026|\w+day, November \d+/g, 'DATE')
    .replace(/http:\S+/g, 'ADDRESS')
    .replace(/Asked \d+ days ago/, 'Asked AGO')
}

/** Defines `setVisible(false)`, after which the page seems to be hidden and without focus. */
const VISIBILITY = `{
  let isSeen = true
  Object.defineProperty(document, 'visibilityState', { get: () => (isSeen ? 'visible' : 'hidden') })
  document.hasFocus = () => isSeen
  window.setVisible = (seen) => {
    isSeen = seen
    document.dispatchEvent(new Event('visibilitychange'))
    window.dispatchEvent(new Event(seen ? 'focus' : 'blur'))
  }
}`

/** Defines `pressAtOnce()`, which clicks the next focused element before any other task. `pressed` resolves to its text. */
const PRESS_AT_ONCE = `
  window.pressAtOnce = () => {
    window.pressed = new Promise((resolve) => {
      const press = async ({ target }) => {
        for (let turn = 0; turn < 100; turn++) await undefined
        target.click()
        resolve(target.innerText)
      }
      document.addEventListener('focusin', press, { once: true })
    })
  }`

/** A chat whose owner uses a browser; the user id allows requests as the owner. */
async function ownersView(browser: Browser, initScript = '') {
  const server = await startServer()
  const window = await openWindow(browser)
  if (initScript !== '') await window.page.context().addInitScript(initScript)
  const chat = await startChat(window, server.url, 'Olga')
  const userId = await window.page.evaluate(
    "JSON.parse(localStorage.getItem('silly-chat:chat:' + location.pathname)).userId"
  )
  return { server, window, page: window.page, chat, owner: `${userId}` }
}

describe.skipIf(!haveAll('chromium'))('with the keyboard alone', { timeout: 120_000 }, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  it('two people meet, talk and leave, and the focus is always visible', async () => {
    const server = await startServer()
    const { page: olga } = await openWindow(browser)
    const { page: ana } = await openWindow(browser)
    await olga.context().grantPermissions(['clipboard-read', 'clipboard-write'])

    await olga.goto(server.url)
    await hasFocus(olga, 'h1 Silly Chat')
    await goTo(olga, olga.getByLabel('Your name'))
    await olga.keyboard.type('Olga')
    await olga.keyboard.press('Enter')
    await untilLive(olga)
    await hasFocus(olga, 'textarea Message')

    await goTo(olga, button(olga, 'Invite'), 'Shift+Tab')
    await olga.keyboard.press('Enter')
    await goTo(olga, button(olga, 'Make a link'))
    await olga.keyboard.press('Space')
    const link = await olga.locator('.address').innerText()
    await hasFocus(olga, `p ${link}`)
    await goTo(olga, button(olga, 'Copy link'))
    await olga.keyboard.press('Space')
    await button(olga, 'Copied').waitFor()
    expect(await olga.evaluate('navigator.clipboard.readText()')).toBe(link)
    await olga.keyboard.press('Escape')
    await hasFocus(olga, 'button Invite')

    await ana.goto(link)
    await hasFocus(ana, 'h1 You are invited to a chat')
    await goTo(ana, ana.getByLabel('Your name'))
    await ana.keyboard.type('Ana')
    await goTo(ana, button(ana, 'Ask to join'))
    await ana.keyboard.press('Space')
    await hasFocus(ana, 'h1 Waiting to be let in')

    const code = await ana.locator('.code').innerText()
    await goTo(olga, button(olga, `Let in Ana, ${code}`))
    await olga.keyboard.press('Enter')
    await untilLive(ana)
    await hasFocus(ana, 'textarea Message')
    await hasFocus(olga, 'textarea Message')

    await olga.keyboard.type('one')
    await olga.keyboard.press('Shift+Enter')
    await olga.keyboard.type('two')
    await olga.keyboard.press('Enter')
    await expect.poll(() => ana.locator('.said .text').allInnerTexts()).toEqual(['one\ntwo'])
    await hasFocus(olga, 'textarea Message')
    await ana.keyboard.type('three')
    await goTo(ana, button(ana, 'Send'))
    await ana.keyboard.press('Space')
    await expect.poll(() => olga.locator('.said .text').allInnerTexts()).toEqual(['one\ntwo', 'three'])
    await hasFocus(ana, 'textarea Message')

    await goTo(olga, button(olga, 'People'), 'Shift+Tab')
    await olga.keyboard.press('Enter')
    await goTo(olga, button(olga, `Remove Ana, ${code}`))
    await olga.keyboard.press('Enter')
    await hasFocus(ana, "h1 You're no longer in this chat")
    await button(olga, `Let in Ana, ${code}`).waitFor()
    await hasFocus(olga, 'h3 In this chat (1)')
    await goTo(olga, button(olga, /^Revoke the link of /))
    await olga.keyboard.press('Enter')
    await olga.getByText('revoked, 0 joined').waitFor()
    await hasFocus(olga, 'h3 Links')
    await olga.keyboard.press('Escape')
    await hasFocus(olga, 'button People')

    await olga.keyboard.press('Space')
    await goTo(olga, button(olga, 'Close this chat…'))
    await olga.keyboard.press('Enter')
    await hasFocus(olga, 'button Cancel')
    await olga.keyboard.press('Enter')
    await hasFocus(olga, 'button Close this chat…')
    await olga.keyboard.press('Enter')
    await hasFocus(olga, 'button Cancel')
    await goTo(olga, button(olga, 'Close and delete'))
    await olga.keyboard.press('Enter')
    await hasFocus(olga, 'h1 This chat is closed')
  })

  it('the focus returns after the dialog for another device, and a guest can leave', async () => {
    const server = await startServer()
    const { link, owner } = await createChatWithMember(server)
    const { page } = await openWindow(browser)
    await page.goto(link)
    await goTo(page, button(page, 'Ask to join'))
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Waiting to be let in' }).waitFor()
    await approve(link, owner, await page.locator('.code').innerText())
    await untilLive(page)
    await goTo(page, button(page, 'More'), 'Shift+Tab')
    await page.keyboard.press('Enter')
    await goTo(page, button(page, 'Use on another device'))
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Use on another device' }).waitFor()
    await hasFocus(page, 'button Close')
    await page.keyboard.press('Escape')
    await hasFocus(page, 'button More')
    await page.keyboard.press('Enter')
    await goTo(page, button(page, 'Leave this chat…'))
    await page.keyboard.press('Enter')
    await hasFocus(page, 'button Cancel')
    await goTo(page, button(page, 'Leave'))
    await page.keyboard.press('Enter')
    await page.waitForURL(`${server.url}/`)
    await hasFocus(page, 'h1 Silly Chat')
  })

  it('a dialog can be opened again at the moment when it has closed', async () => {
    const { page } = await ownersView(browser)
    await page.evaluate(PRESS_AT_ONCE)
    const dialog = page.getByRole('dialog', { name: 'People and links' })
    for (const ending of [() => page.keyboard.press('Escape'), () => button(page, 'Close').click()]) {
      await button(page, 'People').click()
      await dialog.waitFor()
      await page.evaluate('window.pressAtOnce()')
      await ending()
      expect(await page.evaluate('window.pressed')).toBe('People')
      await dialog.waitFor()
      await page.keyboard.press('Escape')
      await dialog.waitFor({ state: 'hidden' })
    }
  })

  it('after a decision the focus is on the next guest, wherever the decision was made', async () => {
    const { page, chat, owner } = await ownersView(browser)
    const link = await createLink(chat, owner)
    const [ana, ben, cem] = [await knock(link, 'Ana'), await knock(link, 'Ben'), await knock(link)]
    await goTo(page, button(page, `Decline Ana, ${ana.requestId}`))
    await page.keyboard.press('Enter')
    await hasFocus(page, `li Ben\n${ben.requestId}\nAsked AGO\nDecline\nLet in\nDecline with a message, or block`)
    await decline(link, owner, ben.requestId)
    await hasFocus(page, `li No name\n${cem.requestId}\nAsked AGO\nDecline\nLet in\nDecline with a message, or block`)
    await page.keyboard.press('Enter')
    await goTo(page, button(page, `Let in No name, ${cem.requestId}`))
    // The page ignores a click that follows at once: it can be meant for the guest who was here before.
    await page.waitForTimeout(500)
    await page.keyboard.press('Space')
    await hasFocus(page, 'textarea Message')
  })

  it('all who wait are declined at once, at all links, and then the focus is on the composer', async () => {
    const { page, chat, owner } = await ownersView(browser)
    const [one, another] = [await createLink(chat, owner), await createLink(chat, owner)]
    await knock(one, 'Ana')
    await page.getByText('Someone wants to join').waitFor()
    expect(await button(page, 'Decline all').count()).toBe(0)
    await knock(one, 'Ben')
    await knock(another, 'Cem')
    await page.getByText('3 people want to join').waitFor()
    await page.waitForTimeout(500)
    await goTo(page, button(page, 'Decline all'))
    await page.keyboard.press('Enter')
    await hasFocus(page, 'textarea Message')
    expect((await requestsOf(chat, owner)).map(({ state }) => state)).toEqual(['declined', 'declined', 'declined'])
    expect(await page.getByRole('alert').count()).toBe(0)
  })

  it('all who wait are let in, and the owner sees how many had no seat until this is confirmed', async () => {
    const { page, chat, owner } = await ownersView(browser)
    const link = await createLink(chat, owner, { max_guests: 1 })
    for (const name of ['Ana', 'Ben', 'Cem']) await knock(link, name)
    await page.getByText('3 people want to join').waitFor()
    await page.waitForTimeout(500)
    await goTo(page, button(page, 'Let all in'))
    await page.keyboard.press('Enter')
    await page.getByText("2 people weren't let in: the link is full, or they left.").waitFor()
    expect((await requestsOf(chat, owner)).map(({ state }) => state)).toEqual(['approved', 'closed', 'closed'])
    await hasFocus(page, 'textarea Message')
    await goTo(page, button(page, 'OK'), 'Shift+Tab')
    await page.keyboard.press('Enter')
    await hasFocus(page, 'textarea Message')
    expect(await page.getByRole('alert').count()).toBe(0)
  })

  it('a click on all is not meant for a guest who has just knocked', async () => {
    const { page, chat, owner } = await ownersView(browser)
    const link = await createLink(chat, owner)
    await knock(link, 'Ana')
    await page.evaluate(`new MutationObserver(() => {
      for (const one of document.querySelectorAll('.door-head button')) one.click()
    }).observe(document.querySelector('.door'), { childList: true, subtree: true })`)
    await knock(link, 'Ben')
    await page.getByText('2 people want to join').waitFor()
    await page.waitForTimeout(500)
    expect((await requestsOf(chat, owner)).map(({ state }) => state)).toEqual(['pending', 'pending'])
  })

  it('without a connection nobody is decided on, and the owner sees that', async () => {
    const { page, chat, owner } = await ownersView(browser)
    const link = await createLink(chat, owner)
    await knock(link, 'Ana')
    await knock(link, 'Ben')
    await page.getByText('2 people want to join').waitFor()
    await page.waitForTimeout(500)
    await page.context().setOffline(true)
    await button(page, 'Let all in').click()
    await page.getByRole('alert').getByText("Can't reach the server.").waitFor()
    await page.context().setOffline(false)
    await button(page, 'Let all in').click()
    await expect.poll(() => page.locator('.knock').count()).toBe(0)
    expect(await page.getByRole('alert').count()).toBe(0)
  })

  it('the owner can revoke all links that others have made, after a confirmation', async () => {
    const { page, chat, owner } = await ownersView(browser)
    const own = await createLink(chat, owner)
    const { client, requestId } = await knock(own, 'Ana')
    await approve(own, owner, requestId)
    await goTo(page, button(page, 'People'), 'Shift+Tab')
    await page.keyboard.press('Enter')
    await page.getByText('1 joined, 0 waiting').waitFor()
    const ask = button(page, 'Revoke all links but mine…')
    expect(await ask.count()).toBe(0)
    await page.keyboard.press('Escape')

    const ofAna = await createLink(chat, client)
    await createLink(chat)
    await page.keyboard.press('Enter')
    await goTo(page, ask)
    await page.keyboard.press('Enter')
    await hasFocus(page, 'button Cancel')
    await page.keyboard.press('Enter')
    await hasFocus(page, 'h3 Links')
    // One that the page does not show yet.
    await createLink(chat, client)
    await goTo(page, ask)
    await page.keyboard.press('Enter')
    await hasFocus(page, 'button Cancel')
    await call(`DELETE ${ofAna}`, { user: owner })
    await goTo(page, button(page, 'Revoke all'))
    await page.keyboard.press('Enter')
    await hasFocus(page, 'h3 Links')
    expect(await ask.count()).toBe(0)
    expect((await linksOf(chat, owner)).map(({ made_by, state }) => [made_by, state])).toEqual([
      ['owner', 'open'],
      [requestId, 'revoked'],
      [null, 'revoked'],
      [requestId, 'revoked']
    ])
  })

  it('links of others that cannot be revoked do not keep the rest from it, and the owner sees that', async () => {
    const { page, chat, owner } = await ownersView(browser)
    const [first, second] = [await createLink(chat), await createLink(chat)]
    await page.route(second, (route) => route.abort())
    await button(page, 'People').click()
    await button(page, 'Revoke all links but mine…').click()
    await button(page, 'Revoke all').click()
    await page.getByRole('alert').getByText("Can't reach the server.").waitFor()
    await page.getByText('revoked, 0 joined').waitFor()
    expect(await linksOf(chat, owner)).toMatchObject([
      { link: first, state: 'revoked' },
      { link: second, state: 'open' }
    ])
    await page.unroute(second)
    await button(page, 'Revoke all').click()
    await expect
      .poll(async () => (await linksOf(chat, owner)).map(({ state }) => state))
      .toEqual(['revoked', 'revoked'])
    await expect.poll(() => page.getByRole('alert').count()).toBe(0)
  })

  it('Enter during an IME composition does not send', async () => {
    const { window, page } = await ownersView(browser)
    await page.keyboard.type('にほん')
    const isTaken = (init: string) =>
      page.evaluate(
        `!document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ${init} }))`
      )
    expect(await isTaken('isComposing: true')).toBe(false)
    // Safari reports key code 229 after the end of the composition.
    expect(await isTaken('keyCode: 229')).toBe(false)
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('にほん')
    expect(await isTaken('keyCode: 13')).toBe(true)
    await expectTexts(window, ['にほん'])
  })
})

describe.skipIf(!haveAll('chromium'))('for screen readers', { timeout: 120_000 }, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchWholeChromium()
  })
  afterAll(() => browser.close())

  it('everything has a role and a name', async () => {
    const { page, chat, owner } = await ownersView(browser)
    const link = await createLink(chat, owner)
    const { requestId } = await knock(link, 'Ana')
    await button(page, `Let in Ana, ${requestId}`).waitFor()
    await post(chat, owner, 'Olga: hello')
    await page.getByText('hello').waitFor()
    expect(await accessibilityTree(page.locator('body'))).toMatchInlineSnapshot(`
      "- main:
        - link "All chats":
          - /url: ADDRESS
        - heading "Silly Chat" [level=1]
        - status: Online
        - navigation "This chat":
          - button "People"
          - button "Invite"
        - region "At the door":
          - paragraph: Someone wants to join
          - list:
            - listitem:
              - text: Ana CODE Asked AGO
              - button "Decline Ana, CODE": Decline
              - button "Let in Ana, CODE": Let in
              - button "Decline with a message, or block"
          - paragraph: Not sure who it is? Ask for the code on their screen. It must be the same as here.
          - button "Notify me when someone asks to join"
        - log "Messages":
          - list:
            - listitem: DATE
            - listitem:
              - text: Olga
              - paragraph: hello
              - time: TIME
        - text: Message
        - textbox "Message"
        - button "Send" [disabled]
        - paragraph: Press Enter to send, or Shift and Enter for a new line."
    `)
    const dialog = page.getByRole('dialog')
    await page.getByRole('button', { name: 'People' }).click()
    await dialog.getByText('1 waiting').waitFor()
    expect(await accessibilityTree(dialog)).toMatchInlineSnapshot(`
      "- dialog "People and links":
        - heading "People and links" [level=2]
        - button "Close"
        - heading "In this chat (1)" [level=3]
        - list:
          - listitem: Olga (you) · owner
        - heading "Links" [level=3]
        - list:
          - listitem:
            - text: Created DATE, TIME 0 joined, 1 waiting
            - button "Revoke the link of DATE, TIME": Revoke
        - heading "This browser" [level=3]
        - paragraph: Your key to this chat is only stored in this browser. If you clear its data, you lose the chat.
        - button "Use on another device"
        - heading "Close chat" [level=3]
        - button "Close this chat…""
    `)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Invite' }).click()
    expect(await accessibilityTree(dialog)).toMatchInlineSnapshot(`
      "- dialog "Invite":
        - heading "Invite" [level=2]
        - button "Close"
        - paragraph: Anyone with the link can ask to join. You approve each person.
        - text: Expires
        - combobox "Expires":
          - option "Never" [selected]
          - option "In an hour"
          - option "In a day"
          - option "In a week"
        - text: Who can use it
        - combobox "Who can use it":
          - option "Anyone you approve" [selected]
          - option "1 person"
          - option "2 people"
          - option "5 people"
          - option "10 people"
          - option "50 people"
        - button "Make a link""
    `)
  })

  it('new messages and knocks are announced, older messages are not', async () => {
    const { window, page, chat, owner } = await ownersView(browser)
    const log = page.getByRole('log', { name: 'Messages' })
    const reads = (how: string) => expect.poll(() => log.getAttribute('aria-live')).toBe(how)
    const door = page.getByRole('region', { name: 'At the door' })
    expect(await door.getAttribute('aria-live')).toBe('polite')
    await reads('polite')
    await page.evaluate(`{
      window.silenced = 0
      const log = document.querySelector('[role=log]')
      new MutationObserver(() => log.ariaLive === 'off' && silenced++).observe(log, { attributes: true })
    }`)
    for (const text of ['one', 'two', 'three']) {
      await post(chat, owner, text)
      await page.getByText(text).waitFor()
    }
    expect(await page.evaluate('silenced')).toBe(0)
    const { requestId } = await knock(await createLink(chat, owner), 'Ana')
    await door.getByText(requestId).waitFor()

    await page.goto('about:blank')
    for (let count = 0; count < 250; count++) await post(chat, owner, `line ${count}`)
    await page.goto(chat)
    await page.getByText('line 249').waitFor()
    await reads('polite')
    // Records the state of the live region whenever older messages are inserted.
    await page.evaluate(`{
      window.marks = []
      const log = document.querySelector('[role=log]')
      const first = () => log.querySelector('.said .text')?.innerText
      let before = first()
      new MutationObserver(() => {
        if (first() !== before) marks.push(log.getAttribute('aria-live'))
        before = first()
      }).observe(log, { childList: true, subtree: true })
      log.focus()
    }`)
    await page.keyboard.press('Home')
    await expect.poll(() => page.evaluate('marks')).toEqual(expect.arrayContaining(['off']))
    expect(await page.evaluate('[...new Set(marks)]')).toEqual(['off'])
    await reads('polite')
    await page.keyboard.press('End')
    await send(window, 'and on')
    await reads('polite')
  })
})

describe.skipIf(!haveAll('chromium'))('in the background', { timeout: 120_000 }, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  const NOTIFICATION = `{
    window.notifications = []
    window.Notification = class {
      static permission = 'granted'
      constructor(title, { body }) { notifications.push(title + ': ' + body); window.latest = this }
      close() { notifications.push('closed') }
    }
  }`

  it('the title shows the numbers of pending guests and unseen messages', async () => {
    const { page, chat, owner } = await ownersView(browser, VISIBILITY)
    const titled = (title: string) => expect.poll(() => page.title(), { timeout: 10_000 }).toBe(title)
    await post(chat, owner, 'Ana: seen')
    await titled('With Ana – Silly Chat')
    await page.evaluate('setVisible(false)')
    await post(chat, owner, 'Ana: one')
    await post(chat, owner, 'Ben: two')
    await titled('(2) With Ana, Ben – Silly Chat')
    const link = await createLink(chat, owner)
    const { requestId } = await knock(link)
    await titled('(1) waiting – With Ana, Ben – Silly Chat')
    await page.evaluate('setVisible(true)')
    await decline(link, owner, requestId)
    await titled('With Ana, Ben – Silly Chat')
  })

  it('a system notification is shown once for each knock, only in the background', async () => {
    const { page, chat, owner } = await ownersView(browser, VISIBILITY + NOTIFICATION)
    const link = await createLink(chat, owner)
    const seen = await knock(link, 'Ana')
    await page.getByText(seen.requestId).waitFor()
    await page.evaluate('setVisible(false)')
    const ben = await knock(link, 'Ben')
    const cem = await knock(link)
    await page.getByText(cem.requestId).waitFor()
    const notifications = [
      `Ben wants to join: Their code: ${ben.requestId}`,
      `Someone wants to join: Their code: ${cem.requestId}`
    ]
    expect(await page.evaluate('notifications')).toEqual(notifications)
    await page.evaluate('latest.onclick()')
    expect(await page.evaluate('notifications')).toEqual([...notifications, 'closed'])
  })

  it('the permission for notifications is requested only after a knock, by a button', async () => {
    const { page, chat, owner } = await ownersView(
      browser,
      `window.requests = 0
      window.Notification = class {
        static permission = 'default'
        static async requestPermission() { requests++; return 'granted' }
      }`
    )
    const offer = button(page, 'Notify me when someone asks to join')
    expect(await offer.count()).toBe(0)
    const { requestId } = await knock(await createLink(chat, owner), 'Ana')
    await offer.waitFor()
    expect(await page.evaluate('requests')).toBe(0)
    await goTo(page, offer)
    await page.keyboard.press('Enter')
    await hasFocus(page, `li Ana\n${requestId}\nAsked AGO\nDecline\nLet in\nDecline with a message, or block`)
    expect([await page.evaluate('requests'), await offer.count()]).toEqual([1, 0])
  })

  it('the page works if the system shows no notifications', async () => {
    const broken = `window.Notification = class {
      static permission = 'granted'
      constructor() { throw new TypeError('Illegal constructor') }
    }`
    const { window, page, chat, owner } = await ownersView(browser, VISIBILITY + broken)
    await page.evaluate('setVisible(false)')
    const { requestId } = await knock(await createLink(chat, owner), 'Ana')
    await page.getByText(requestId).waitFor()
    await send(window, 'still here')
    await expectTexts(window, ['still here'])
    expect(window.errors).toEqual([])
  })
})

describe.skipIf(!haveAll('chromium'))('an invitation', { timeout: 120_000 }, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  async function createdLink({ page }: Window): Promise<string> {
    await page.getByRole('button', { name: 'Invite' }).click()
    await page.getByRole('button', { name: 'Make a link' }).click()
    return page.locator('.address').innerText()
  }

  it('is shown, copied and drawn in its form for people', async () => {
    const { window, page, chat } = await ownersView(browser)
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    const link = await createdLink(window)
    expect(link).toMatch(new RegExp(`^${new URL(chat).origin}/i/[\\w-]{36}$`))
    await page.getByRole('button', { name: 'Copy link' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(link)
    const drawn = await page.locator('.qr path').last().getAttribute('d')
    const { data } = encode(link, { ecc: 'M', border: 2 })
    const dark = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])))
    expect(drawn).toBe(dark.join(''))
  })

  it("can be shared through the system's dialog, which can be cancelled", async () => {
    const { window, page } = await ownersView(
      browser,
      `window.shared = []
      navigator.share = async ({ text, url }) => { shared.push(text, url); throw new DOMException('dismissed', 'AbortError') }`
    )
    const link = await createdLink(window)
    await page.getByRole('button', { name: 'Share…' }).click()
    expect(link).toContain('/i/')
    expect(await page.evaluate('shared')).toEqual(['Olga is inviting you to a chat', link])
    expect(window.errors).toEqual([])
  })

  it('can be copied by hand without a clipboard, and has no share button without a system dialog', async () => {
    const { window, page } = await ownersView(
      browser,
      `navigator.clipboard.writeText = async () => { throw new Error('not allowed') }
      Object.defineProperty(navigator, 'share', { value: undefined })`
    )
    await createdLink(window)
    expect(await page.getByRole('button', { name: 'Share…' }).count()).toBe(0)
    await page.getByRole('button', { name: 'Copy link' }).click()
    await page.getByRole('button', { name: "Couldn't copy – select the link" }).waitFor()
    expect(window.errors).toEqual([])
  })
})
