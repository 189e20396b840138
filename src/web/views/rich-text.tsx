/** The text of a message: plain text in which only URLs become links. */
const ADDRESS = /https?:\/\/[^\s<>"'`\p{Cc}\p{Cf}]+/gu
/** Punctuation that ends a sentence rather than a URL. */
const TRAILING = /[.,;:!?)\]}…»”’]$/u
const OPENING: Record<string, string> = { ')': '(', ']': '[', '}': '{' }

/** Removes trailing punctuation, except for a bracket that the URL itself opens. */
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

/** A URL with a user name is not clickable: people could take the name for the host. */
function isClickable(address: string): boolean {
  try {
    const { username, password } = new URL(address)
    return username === '' && password === ''
  } catch {
    // TypeError: not a URL. `URL.canParse` is too new: Safari 17, Chrome 120.
    return false
  }
}

export function RichText({ text }: { text: string }) {
  const parts: preact.ComponentChildren[] = []
  let end = 0
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0])
    if (!isClickable(address)) continue
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
