/** Classifies errors and words them for people: what happened and what to do. */
import { isRetryable, RequestError, SillyChatError } from '../../client/index.ts'

const UNKNOWN = 'Something on the way to the server did not let this pass. Try again in a moment.'

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
      return 'This chat has as many open links as it may. Revoke one that is not needed any more.'
    case 'too-many-waiting':
      return 'Too many people are waiting at this link. Try again later.'
    case 'blocked':
      return 'The owner takes no requests from your network at the moment. Ask the person who invited you.'
    case 'nobody-asked':
    case 'request-closed':
      return 'This request has ended meanwhile. The guest may ask again.'
    case 'store-full':
      return 'The server has no room for more at the moment. Try again later.'
    case 'not-stored':
      return 'This is done. The server cannot write it down at the moment and does so as soon as it can.'
    case 'chat-not-found':
    case 'link-not-found':
      return 'This chat is no longer there.'
    default:
      return error.status >= 500 ? 'The server has a problem. Try again in a moment.' : error.problem.detail || UNKNOWN
  }
}

function sentenceWithoutAnswer(error: unknown): string {
  if (isRetryable(error)) return 'The server cannot be reached. Check your connection and try again.'
  if (error instanceof RequestError) return UNKNOWN
  // An error of the page itself is reported like an uncaught one.
  reportError(error)
  return 'Something went wrong in this page. Reload it and try again.'
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
