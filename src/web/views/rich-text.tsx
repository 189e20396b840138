/** The text of a message: plain, but for addresses that can be clicked. Nothing else in it is interpreted. */
const ADDRESS = /https?:\/\/[^\s<>"'`\p{Cc}\p{Cf}]+/gu
/** What ends a sentence rather than an address. */
const TRAILING = /[.,;:!?)\]}…»”’]$/u
const OPENING: Record<string, string> = { ')': '(', ']': '[', '}': '{' }

/** Without what belongs to the sentence around it. A bracket that was opened in the address belongs to that. */
function trimmed(address: string): string {
  let end = address.length
  for (; TRAILING.test(address.slice(0, end)); end--) {
    const bracket = address[end - 1] ?? ''
    const opening = OPENING[bracket]
    const inside = address.slice(0, end)
    if (opening !== undefined && inside.split(opening).length >= inside.split(bracket).length) break
  }
  return address.slice(0, end)
}

/** A name before the host is there to be taken for the host. */
function canBeClicked(address: string): boolean {
  try {
    const { username, password } = new URL(address)
    return username === '' && password === ''
  } catch {
    // TypeError: no URL. `URL.canParse` is too new: Safari has it since 17, Chrome since 120.
    return false
  }
}

export function RichText({ text }: { text: string }) {
  const parts: preact.ComponentChildren[] = []
  let end = 0
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0])
    if (!canBeClicked(address)) continue
    parts.push(
      text.slice(end, match.index),
      <a href={address} target="_blank" rel="noopener noreferrer" dir="ltr">
        {address}
      </a>
    )
    end = match.index + address.length
  }
  parts.push(text.slice(end))
  return (
    <p class="text" dir="auto">
      {parts}
    </p>
  )
}
