/**
 * What is lost when this tab is closed, because the browser could not keep it. While there is something, this tab loads
 * no other page by itself, and the browser asks before the person does.
 */
import { computed } from '@preact/signals'
import { go } from './address.ts'
import { keptJson, nameFor, readJson, unkept } from './storage.ts'

/** What of each kind must not be lost. The rest, such as when something was last seen, is a convenience. */
const PRECIOUS: readonly (readonly [kind: string, member: string])[] = [
  ['silly-chat:chat:', 'userId'],
  ['silly-chat:request:', 'clientId'],
  ['silly-chat:outbox:', 'text']
]
const DRAFT = nameFor('draft', '')

const atRisk = computed(() => [...unkept.value].filter(isAtRisk))

function isAtRisk(name: string): boolean {
  if (name.startsWith(DRAFT)) return true
  const [, member] = PRECIOUS.find(([kind]) => name.startsWith(kind)) ?? []
  return member !== undefined && memberOf(readJson(name), member) !== memberOf(keptJson(name), member)
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

/** What was written in a chat and is not sent. */
export function isTextAtRisk(chatPath: string): boolean {
  const outbox = `${nameFor('outbox', chatPath)}:`
  return atRisk.value.some((name) => name === nameFor('draft', chatPath) || name.startsWith(outbox))
}

/** Stays on this page while something would be lost by leaving it. */
export function guardMemory(): void {
  addEventListener('beforeunload', (event) => {
    if (atRisk.value.length > 0) event.preventDefault()
  })
  addEventListener('click', (event) => {
    if (atRisk.value.length === 0 || event.defaultPrevented || event.button !== 0) return
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || !(event.target instanceof Element)) return
    const link = event.target.closest('a')
    // The documentation is a page of its own, and opens one.
    if (link === null || link.target !== '' || !isOfThisPage(link)) return
    event.preventDefault()
    go(link.href)
  })
}

/** Whether an address of this server is one of this page: the start, a chat, a link. */
function isOfThisPage({ origin, pathname }: HTMLAnchorElement): boolean {
  return origin === location.origin && /\/(v1\/(chats|links)\/[\w-]+\/?)?$/.test(pathname)
}

/** Whether the page can be loaded again without a loss. */
export function canReload(): boolean {
  return atRisk.value.length === 0
}
