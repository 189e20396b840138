/** Classifies errors and words them for people: what happened and what to do. */
import { isRetryable, RequestError, SillyChatError } from '../../client/index.ts'

const UNKNOWN = "That didn't get through to the server. Try again in a moment."

/**
 * Whether the server itself has denied access. Any other refusal is transient: a proxy can answer with its own errors, for
 * example while the server behind it is being updated.
 */
export function isRefusal(error: unknown): error is SillyChatError {
  return (
    error instanceof SillyChatError &&
    error.problem.type.startsWith('urn:silly-chat:') &&
    [401, 403, 404, 410].includes(error.status)
  )
}

/** Whether the cause is the network, a proxy or the state of the server: no denied access, and no error of the page itself. */
export function isTransient(error: unknown): boolean {
  return error instanceof RequestError || (error instanceof SillyChatError && !isRefusal(error))
}

export function sentenceFor(error: unknown): string {
  if (!(error instanceof SillyChatError)) return sentenceWithoutAnswer(error)
  switch (error.kind) {
    case 'too-many-links':
      return "This chat can't have more open links. Revoke one you don't need anymore."
    case 'too-many-waiting':
      return 'Too many people are waiting at this link. Try again later.'
    case 'network-unknown':
      return "This server can't tell their network, so it can't block it. Decline without blocking."
    case 'blocked':
      return "The host isn't accepting requests from your network right now. Ask the person who invited you."
    case 'nobody-asked':
    case 'request-closed':
      return 'This request has already ended. The guest can ask again.'
    case 'store-full':
      return 'The server is full right now. Try again later.'
    case 'not-stored':
      return "Done. The server can't save this right now, but keeps trying."
    case 'chat-not-found':
    case 'link-not-found':
      return 'This chat no longer exists.'
    default:
      return error.status >= 500 ? 'The server has a problem. Try again in a moment.' : error.problem.detail || UNKNOWN
  }
}

function sentenceWithoutAnswer(error: unknown): string {
  if (isRetryable(error)) return "Can't reach the server. Check your connection and try again."
  if (error instanceof RequestError) return UNKNOWN
  // An error of the page itself is reported like an uncaught one.
  reportError(error)
  return 'Something went wrong on this page. Reload it and try again.'
}

/**
 * Does this for each in turn, also after an error.
 * @throws the first error
 */
export async function doForEach<Item>(items: Iterable<Item>, work: (item: Item) => Promise<unknown>): Promise<void> {
  const errors: unknown[] = []
  for (const item of items) await work(item).catch((error: unknown) => errors.push(error))
  if (errors.length > 0) throw errors[0]
}
