/**
 * What the previews of mail and chat programs tell about an invitation (https://ogp.me). It names no address of the invitation,
 * so a program takes the one that it has fetched.
 */

export interface LinkPreview {
  /** The absolute URL of the picture. */
  readonly picture: string
  /** The title of the chat; null for none, and for links that are not open. */
  readonly title: string | null
}

const DESCRIPTION = 'Open the link and say who you are. The owner of the chat decides who joins. You need no account.'

/** Elements for the head of the page, in place of its title. */
export function previewTags({ picture, title }: LinkPreview): string {
  const heading = title === null ? 'Invitation to a chat' : `Invitation: ${title}`
  const tags = [
    `<title>${escapeHtml(heading)}</title>`,
    meta('name', 'description', DESCRIPTION),
    meta('property', 'og:type', 'website'),
    meta('property', 'og:site_name', 'Silly Chat'),
    meta('property', 'og:title', heading),
    meta('property', 'og:description', DESCRIPTION),
    meta('property', 'og:image', picture),
    meta('property', 'og:image:type', 'image/png'),
    meta('property', 'og:image:width', '1200'),
    meta('property', 'og:image:height', '630'),
    meta('property', 'og:image:alt', 'The mark of Silly Chat: a door in a speech bubble'),
    meta('name', 'twitter:card', 'summary_large_image')
  ]
  return tags.join('\n')
}

function meta(key: 'name' | 'property', name: string, content: string): string {
  return `<meta ${key}="${name}" content="${escapeHtml(content)}">`
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
