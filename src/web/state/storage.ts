/** What this browser keeps between visits, and what it does where it may not. */

/** Whether anything can be kept: some browsers forbid it, and then a chat would be lost with its tab. */
export function canKeep(): boolean {
  try {
    localStorage.setItem('silly-chat:probe', '')
    localStorage.removeItem('silly-chat:probe')
    return true
  } catch {
    return false
  }
}

/** What was kept under a name; undefined if there is nothing that can be read. */
export function readJson(name: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(name) ?? '') ?? undefined
  } catch {
    return undefined
  }
}

export function writeJson(name: string, value: unknown): void {
  localStorage.setItem(name, JSON.stringify(value))
}

export function drop(name: string): void {
  localStorage.removeItem(name)
}

/** The names of what is kept under this one, each with a part of its own behind it, in order. */
export function namesUnder(name: string): string[] {
  return Object.keys(localStorage)
    .filter((one) => one.startsWith(`${name}:`))
    .sort()
}

/** What is kept for one chat, besides its key. All of it goes with the chat. */
const KINDS = ['outbox', 'sent', 'draft'] as const

export function nameFor(kind: (typeof KINDS)[number], chatPath: string): string {
  return `silly-chat:${kind}:${chatPath}`
}

export function dropAllOf(chatPath: string): void {
  for (const name of KINDS.map((kind) => nameFor(kind, chatPath))) [name, ...namesUnder(name)].forEach(drop)
}
