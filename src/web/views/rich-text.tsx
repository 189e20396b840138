/** The text of a message: plain, but for addresses that can be clicked. Nothing else in it is interpreted. */
const ADDRESS = /https?:\/\/[^\s<>"'`\p{Cc}\p{Cf}]+/gu
/** What ends a sentence rather than an address. */
const TRAILING = /[.,;:!?)\]}…»”’]+$/u

export function RichText({ text }: { text: string }) {
  const parts: preact.ComponentChildren[] = []
  let end = 0
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(TRAILING, '')
    if (!URL.canParse(address)) continue
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
