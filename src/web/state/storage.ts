/**
 * The browser's local storage. It can be full or forbidden (private windows, policies, blocked site data), from the start
 * or later: then values stay in the memory of this tab, and the page displays a warning. No function here throws.
 */
import { type ReadonlySignal, signal } from '@preact/signals'

/** Values that could not be stored, by name, or undefined for those that could not be removed. They hide stored values. */
const memory = new Map<string, string | undefined>()
const names = signal<ReadonlySet<string>>(new Set())

/** The names of the values that are only in the memory of this tab. */
export const unstored: ReadonlySignal<ReadonlySet<string>> = names

/** Whether the browser's storage works now. */
export function canStore(): boolean {
  const isStored = store('silly-chat:probe', '')
  if (isStored) store('silly-chat:probe', undefined)
  return isStored
}

export function readText(name: string): string | undefined {
  return memory.has(name) ? memory.get(name) : storedText(name)
}

function storedText(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined
  } catch {
    // SecurityError: storage is forbidden.
    return undefined
  }
}

/** Returns undefined if there is no valid JSON. */
export function readJson(name: string): unknown {
  return parsed(readText(name))
}

/** Like `readJson`, but ignores the memory of this tab: the value that the next visit will find. */
export function storedJson(name: string): unknown {
  return parsed(storedText(name))
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null') ?? undefined
  } catch {
    // SyntaxError: the value is damaged.
    return undefined
  }
}

export function writeText(name: string, text: string): void {
  change(name, text)
}

export function writeJson(name: string, value: unknown): void {
  change(name, JSON.stringify(value))
}

export function drop(name: string): void {
  change(name, undefined)
}

/** The sorted names that begin with this name and a colon. */
export function namesUnder(name: string): string[] {
  const all = new Set([...storedNames(), ...memory.keys()])
  return [...all].filter((one) => one.startsWith(`${name}:`) && readText(one) !== undefined).sort()
}

function storedNames(): string[] {
  try {
    return Object.keys(localStorage)
  } catch {
    // SecurityError, as above.
    return []
  }
}

function change(name: string, text: string | undefined): void {
  memory.set(name, text)
  // If this value fits, others may fit again. Stop at the first that does not.
  if (flush(name)) for (const other of [...memory.keys()]) if (!flush(other)) break
  if (memory.size > 0 || names.value.size > 0) updateNames()
}

function updateNames(): void {
  names.value = new Set([...memory].flatMap(([name, text]) => (text === undefined ? [] : [name])))
}

/** Moves a value from the memory to the storage; returns whether that succeeded. */
function flush(name: string): boolean {
  const isStored = store(name, memory.get(name))
  if (isStored) memory.delete(name)
  return isStored
}

function store(name: string, text: string | undefined): boolean {
  try {
    if (text === undefined) localStorage.removeItem(name)
    else localStorage.setItem(name, text)
    return true
  } catch {
    // QuotaExceededError: the storage is full; SecurityError: it is forbidden.
    return false
  }
}

// A value that another tab has stored is newer than the one in this tab's memory.
addEventListener('storage', ({ key }) => {
  if (key !== null && memory.delete(key)) updateNames()
})

/** The kinds of data stored for one chat besides its key. All are removed with the chat. */
const KINDS = ['outbox', 'sent', 'draft'] as const

export function nameFor(kind: (typeof KINDS)[number], chatPath: string): string {
  return `silly-chat:${kind}:${chatPath}`
}

export function dropAllOf(chatPath: string): void {
  for (const name of KINDS.map((kind) => nameFor(kind, chatPath))) [name, ...namesUnder(name)].forEach(drop)
}
