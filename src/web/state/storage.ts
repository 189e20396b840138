/**
 * What this browser keeps between visits. Its storage may be full or forbidden (private windows, policies, blocked site
 * data), from the start or later: then what was to be kept stays in the memory of this tab, and the page says so. Nothing
 * here throws.
 */
import { type ReadonlySignal, signal } from '@preact/signals'

/** What the storage did not take, by name; undefined for what it did not remove. It stands for what the storage has. */
const memory = new Map<string, string | undefined>()
const names = signal<ReadonlySet<string>>(new Set())

/** The names of what is only in the memory of this tab, and lost with it. */
export const unkept: ReadonlySignal<ReadonlySet<string>> = names

/** Whether the browser keeps anything at all now. */
export function canKeep(): boolean {
  const isKept = store('silly-chat:probe', '')
  if (isKept) store('silly-chat:probe', undefined)
  return isKept
}

export function readText(name: string): string | undefined {
  return memory.has(name) ? memory.get(name) : keptText(name)
}

function keptText(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined
  } catch {
    // SecurityError: the browser gives this page no storage.
    return undefined
  }
}

/** Undefined if there is nothing that can be read. */
export function readJson(name: string): unknown {
  return parsed(readText(name))
}

/** As `readJson`, but what the next visit will find, whatever is in the memory of this tab. */
export function keptJson(name: string): unknown {
  return parsed(keptText(name))
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null') ?? undefined
  } catch {
    // SyntaxError: damaged, or written by something else.
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

/** The names of what is kept under this one, each with a part of its own behind it, in order. */
export function namesUnder(name: string): string[] {
  const all = new Set([...keptNames(), ...memory.keys()])
  return [...all].filter((one) => one.startsWith(`${name}:`) && readText(one) !== undefined).sort()
}

function keptNames(): string[] {
  try {
    return Object.keys(localStorage)
  } catch {
    // SecurityError, as above.
    return []
  }
}

function change(name: string, text: string | undefined): void {
  memory.set(name, text)
  // There may be room again for what found none before; what has none now is not tried in vain once for every name.
  if (keep(name)) for (const other of [...memory.keys()]) if (!keep(other)) break
  if (memory.size > 0 || names.value.size > 0) tell()
}

function tell(): void {
  names.value = new Set([...memory].flatMap(([name, text]) => (text === undefined ? [] : [name])))
}

/** Has the storage take what is in the memory; whether it did. */
function keep(name: string): boolean {
  const isKept = store(name, memory.get(name))
  if (isKept) memory.delete(name)
  return isKept
}

function store(name: string, text: string | undefined): boolean {
  try {
    if (text === undefined) localStorage.removeItem(name)
    else localStorage.setItem(name, text)
    return true
  } catch {
    // QuotaExceededError: it is full; SecurityError: it is forbidden.
    return false
  }
}

// What another tab has kept under a name is newer than what this one could not.
addEventListener('storage', ({ key }) => {
  if (key !== null && memory.delete(key)) tell()
})

/** What is kept for one chat, besides its key. All of it goes with the chat. */
const KINDS = ['outbox', 'sent', 'draft'] as const

export function nameFor(kind: (typeof KINDS)[number], chatPath: string): string {
  return `silly-chat:${kind}:${chatPath}`
}

export function dropAllOf(chatPath: string): void {
  for (const name of KINDS.map((kind) => nameFor(kind, chatPath))) [name, ...namesUnder(name)].forEach(drop)
}
