import { toJson } from './json.ts'

/**
 * Every refusal of the product, once: RFC 9457 problem details. The key is the last part of the `type`, which is what
 * a program switches on; `detail` is a sentence that says what to do. None of these texts ever quotes a request.
 */
const catalogue = {
  'bad-host': [400, 'Bad Host', 'Send exactly one Host header: a host name or IP address and, if need be, a port.'],
  'malformed-request': [400, 'Malformed HTTP request', 'What arrived is no valid HTTP/1.1 request. Check the client.'],
  'broken-json': [400, 'Broken JSON', 'Send a body that is valid JSON in UTF-8, without a member called "__proto__".'],
  'invalid-request': [400, 'Invalid request', 'Correct what `errors` lists and send the request again.'],
  'cursor-unknown': [
    400,
    'Unknown event id',
    'The chat has no event with the id in `after`. Read the chat without `after` to start again.'
  ],
  'user-id-required': [
    401,
    'User id required',
    'Send your author_id or client_id as "Authorization: Bearer <user id>". Where that is impossible, `user_id` in the query of a GET or in the JSON body of a POST will do.'
  ],
  'not-a-member': [
    403,
    'Not a member',
    'This user id may not enter the chat. Ask its owner for a link, open the link and wait for the approval.'
  ],
  'not-the-owner': [403, 'Not the owner', 'Only the owner of the chat can do this: send its author_id.'],
  'not-this-guest': [
    403,
    'Not a guest of this link',
    'Nobody at this link has that user id. Open the link without a user id to ask for entry; the server makes the ids.'
  ],
  declined: [403, 'Declined', 'The owner has declined this join request or taken the approval back.'],
  left: [
    403,
    'Left',
    'This join request was taken back, or this guest has left. Open the link without a user id to ask again.'
  ],
  'not-found': [404, 'Not found', 'There is nothing at this path. GET /docs shows what there is.'],
  'chat-not-found': [404, 'Chat not found', 'There is no such chat. Check the URL for a missing or added character.'],
  'link-not-found': [404, 'Link not found', 'There is no such link. Check the URL, or ask for a new one.'],
  'request-not-found': [
    404,
    'Join request not found',
    'Nobody has asked through this link with that request_id. Read it again, or see the join requests of the chat.'
  ],
  'method-not-allowed': [405, 'Method not allowed', 'Use one of the methods in the Allow header.'],
  'request-timeout': [408, 'Request timeout', 'The request took too long to arrive. Send it again.'],
  'too-many-links': [
    409,
    'Too many links',
    'A chat has at most 100 open links, 20 of them made without the id of its owner. Reuse an existing link.'
  ],
  'chat-full': [409, 'Chat full', 'The messages of this chat have reached its limit. Go on in a new chat.'],
  'nobody-asked': [
    409,
    'Nobody has asked',
    'Nobody has asked through this link whom that could mean. Name one by request_id, or wait for a join_request event.'
  ],
  'request-closed': [
    409,
    'Join request closed',
    'This join request has ended for good: `state` says how. The guest may ask again through a link that is open.'
  ],
  'several-requests': [
    409,
    'Several join requests',
    'More than one guest may be meant. Name one by its request_id; `pending_request_ids` are those who wait.'
  ],
  'link-expired': [410, 'Link expired', 'The time of this link is up. Ask for a new one.'],
  'link-revoked': [410, 'Link revoked', 'The owner of the chat has revoked this link. Ask for a new one.'],
  'link-full': [410, 'Link full', 'As many guests as this link admits have come in. Ask for a new one.'],
  'body-too-large': [413, 'Body too large', 'Send at most 64 KiB.'],
  'uri-too-long': [414, 'URL too long', 'Send a URL of at most 8 KiB.'],
  'unsupported-media-type': [415, 'Unsupported media type', 'Send the body as JSON: "Content-Type: application/json".'],
  'idempotency-key-reused': [
    422,
    'Idempotency key reused',
    'You have used this Idempotency-Key in this chat for another text. Send a new key with a new text.'
  ],
  'rate-limited': [
    429,
    'Too many requests',
    'You ask more often than this server admits. Go on after as many seconds as Retry-After says.'
  ],
  'too-many-own-streams': [
    429,
    'Too many streams of yours',
    'This user id has as many open streams and waits as it may. Close one, or share one stream between your readers.'
  ],
  'too-many-waiting': [
    429,
    'Too many are waiting',
    'So many guests wait at this link that it takes no more. Ask again once the owner has let some in.'
  ],
  'headers-too-large': [431, 'Header fields too large', 'Send fewer or shorter header fields.'],
  'internal-error': [500, 'Internal error', 'The server failed. Try again; if that does not help, tell its operator.'],
  'store-full': [503, 'Store full', 'The server has no room for more. Try again later.'],
  'too-many-streams': [503, 'Too many open streams', 'The server holds as many streams as it may. Try again later.'],
  overloaded: [503, 'Overloaded', 'The server has more to do than it can. Send the request again in a moment.'],
  'shutting-down': [503, 'Shutting down', 'The server is stopping. Send the request again in a moment.'],
  'store-unreachable': [503, 'Store unreachable', 'The server cannot reach its store. Try again later.']
} as const satisfies Record<string, readonly [status: number, title: string, detail: string]>

export type ProblemKind = keyof typeof catalogue

interface ProblemExtras {
  /** Instead of the catalogue's sentence. */
  readonly detail?: string
  /** Members beyond those of RFC 9457, section 3.1. */
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

const TYPE_PREFIX = 'urn:silly-chat:'
const RETRY_AFTER_SECONDS = '5'

/** Thrown wherever a request is refused; `http/response/error-handler.ts` turns it into the answer. */
export class Problem extends Error {
  readonly kind: ProblemKind
  readonly extras: ProblemExtras

  constructor(kind: ProblemKind, extras: ProblemExtras = {}) {
    super(kind)
    this.kind = kind
    this.extras = extras
  }

  get status(): number {
    return catalogue[this.kind][0]
  }

  get headers(): Readonly<Record<string, string>> {
    if (this.status === 503 || this.status === 429)
      return { 'retry-after': RETRY_AFTER_SECONDS, ...this.extras.headers }
    if (this.status === 401) return { 'www-authenticate': 'Bearer', ...this.extras.headers }
    return this.extras.headers ?? {}
  }

  /** The body of the answer, application/problem+json. */
  get body(): string {
    const [status, title, detail] = catalogue[this.kind]
    return toJson({
      type: problemType(this.kind),
      title,
      status,
      detail: this.extras.detail ?? detail,
      ...this.extras.members
    })
  }
}

export function problemType(kind: ProblemKind): string {
  return TYPE_PREFIX + kind
}

/** The `type` of every problem. */
export const problemTypes = Object.keys(catalogue).map((kind) => TYPE_PREFIX + kind)

export function problemStatus(kind: ProblemKind): number {
  return catalogue[kind][0]
}

export function problemTitle(kind: ProblemKind): string {
  return catalogue[kind][1]
}
