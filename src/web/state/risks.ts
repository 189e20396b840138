/**
 * Data that would be lost with this tab, because the browser could not store it. While there is any, the page does not
 * load another page by itself, and the browser asks for confirmation before the person leaves.
 */
import { computed } from '@preact/signals'
import { navigate } from './address.ts'
import { nameFor, readJson, storedJson, unstored } from './storage.ts'

/** The member of each kind that must not be lost. The others are conveniences. */
const PRECIOUS: readonly (readonly [kind: string, member: string])[] = [
  ['silly-chat:chat:', 'userId'],
  ['silly-chat:request:', 'clientId'],
  ['silly-chat:outbox:', 'text']
]
const DRAFT = nameFor('draft', '')

const atRisk = computed(() => [...unstored.value].filter(isAtRisk))

function isAtRisk(name: string): boolean {
  if (name.startsWith(DRAFT)) return true
  const [, member] = PRECIOUS.find(([kind]) => name.startsWith(kind)) ?? []
  return member !== undefined && memberOf(readJson(name), member) !== memberOf(storedJson(name), member)
}

function memberOf(value: unknown, member: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([name]) => name === member)?.[1]
    : undefined
}

export function isKeyAtRisk(chatPath: string): boolean {
  return atRisk.value.includes(`silly-chat:chat:${chatPath}`)
}

export function isRequestAtRisk(linkPath: string): boolean {
  return atRisk.value.includes(`silly-chat:request:${linkPath}`)
}

/** Whether unsent text of this chat is at risk. */
export function isTextAtRisk(chatPath: string): boolean {
  const outbox = `${nameFor('outbox', chatPath)}:`
  return atRisk.value.some((name) => name === nameFor('draft', chatPath) || name.startsWith(outbox))
}

/** Keeps the person on this page while leaving it would lose data. */
export function guardMemory(): void {
  addEventListener('beforeunload', (event) => {
    if (atRisk.value.length > 0) event.preventDefault()
  })
  addEventListener('click', (event) => {
    if (atRisk.value.length === 0 || event.defaultPrevented || event.button !== 0) return
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || !(event.target instanceof Element)) return
    const link = event.target.closest('a')
    // The documentation is another page: here the browser asks for confirmation.
    if (link === null || link.target !== '' || !isOfThisPage(link)) return
    event.preventDefault()
    navigate(link.href)
  })
}

/** Whether a link leads to a view of this page: the start page, a chat or a link. */
function isOfThisPage({ origin, pathname }: HTMLAnchorElement): boolean {
  return origin === location.origin && /\/(v1\/(chats|links)\/[\w-]+\/?)?$/.test(pathname)
}

/** Whether a reload loses nothing. */
export function canReload(): boolean {
  return atRisk.value.length === 0
}
