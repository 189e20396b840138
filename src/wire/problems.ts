/** The problem catalogue: every refusal of the API, as RFC 9457 problem details. */
import { MAX_OPEN_LINKS, MAX_OPEN_LINKS_OF_OTHERS } from '../chat/changes.ts'
import { toJson } from './json.ts'

/** By the last part of `type`, which programs switch on. `detail` says what to do. No text ever quotes a request. */
const catalogue = {
  'bad-host': [400, 'Bad Host', 'Send exactly one Host header: a host name or IP address, optionally with a port.'],
  'malformed-request': [400, 'Malformed HTTP request', 'The request is not valid HTTP/1.1. Check the client.'],
  'broken-json': [400, 'Broken JSON', 'Send a body that is valid JSON in UTF-8, without a member named "__proto__".'],
  'invalid-request': [400, 'Invalid request', 'Correct the input that `errors` lists, then send the request again.'],
  'cursor-unknown': [
    400,
    'Unknown event id',
    'This chat has no event with the id in `after`. Read the chat without `after` to start over.'
  ],
  'user-id-required': [
    401,
    'User id required',
    'Send your author_id or client_id as "Authorization: Bearer <user id>". If you cannot set headers, send it as `user_id` in the query of a GET or in the JSON body of a POST.'
  ],
  'not-a-member': [
    403,
    'Not a member',
    'This user id is not a member of the chat. Ask the owner for a link, open it, and wait for approval.'
  ],
  'not-the-owner': [403, 'Not the owner', 'Only the owner of the chat can do this. Send its author_id.'],
  'not-this-guest': [
    403,
    'Not a guest of this link',
    'No guest of this link has this user id. Open the link without a user id to ask to join; the server creates user ids.'
  ],
  'invites-closed': [
    403,
    'Only members invite',
    'Only members can create links to this chat. Send your user id, or ask a member for a link.'
  ],
  'cross-site': [
    403,
    'Cross-site request',
    'A page of another site has made your browser send this. Use fetch() with CORS, or open the URL itself.'
  ],
  declined: [403, 'Declined', 'The owner has declined this join request or removed this guest.'],
  left: [
    403,
    'Left',
    'This join request was withdrawn, or this guest has left. Open the link without a user id to ask again.'
  ],
  'not-found': [404, 'Not found', 'There is nothing at this path. GET /docs shows the API.'],
  'chat-not-found': [
    404,
    'Chat not found',
    'This chat does not exist, or it was closed. Check the URL for missing or extra characters.'
  ],
  'link-not-found': [404, 'Link not found', 'This link does not exist. Check the URL, or ask for a new link.'],
  'handover-not-found': [
    404,
    'Handover not found',
    'This handover does not exist, has expired, or was taken already. It works once, for ten minutes. Make a new one.'
  ],
  'request-not-found': [
    404,
    'Join request not found',
    'There is no join request with this request_id here. Check it, or list the join requests of the chat.'
  ],
  'method-not-allowed': [405, 'Method not allowed', 'Use one of the methods in the Allow header.'],
  'request-timeout': [408, 'Request timeout', 'The request took too long to arrive. Send it again.'],
  'too-many-links': [
    409,
    'Too many links',
    `A chat can have ${MAX_OPEN_LINKS} open links, ${MAX_OPEN_LINKS_OF_OTHERS} of them created without the author_id. Reuse an existing link.`
  ],
  'chat-full': [409, 'Chat full', 'This chat has reached its size limit. Start a new chat.'],
  'network-unknown': [
    409,
    'Network unknown',
    'This guest cannot be blocked: the server does not know their network. The request is too old, or it came through a proxy that does not say whose request it is or that TRUST_PROXY does not name. Nothing was decided. Decline without `block`.'
  ],
  'nobody-asked': [
    409,
    'Nobody is waiting',
    'Nobody is waiting at this link. Wait for a join_request event, or send the request_id of an earlier request.'
  ],
  'request-closed': [
    409,
    'Join request closed',
    'This join request has ended; `state` says how. The guest can ask again through an open link.'
  ],
  'several-requests': [
    409,
    'Several join requests',
    'This link has several join requests. Send the request_id of one; `pending_request_ids` lists those that are pending.'
  ],
  'link-expired': [410, 'Link expired', 'This link has expired. Ask for a new one.'],
  'link-revoked': [410, 'Link revoked', 'The owner of the chat has revoked this link. Ask for a new one.'],
  'link-full': [410, 'Link full', 'This link has reached its maximum number of guests. Ask for a new one.'],
  'body-too-large': [413, 'Body too large', 'Send at most 64 KiB.'],
  'uri-too-long': [414, 'URL too long', 'Send a URL of at most 8 KiB.'],
  'unsupported-media-type': [415, 'Unsupported media type', 'Send the body as JSON: "Content-Type: application/json".'],
  'idempotency-key-reused': [
    422,
    'Idempotency key reused',
    'You have already used this Idempotency-Key in this chat with another text. Use a new key for each text.'
  ],
  'rate-limited': [
    429,
    'Too many requests',
    'Too many requests. Wait the number of seconds in `Retry-After`, then try again.'
  ],
  blocked: [
    429,
    'Blocked',
    'The owner of the chat has blocked this link for your network. Wait the number of seconds in `Retry-After`, or ask the owner.'
  ],
  'too-many-own-streams': [
    429,
    'Too many of your own streams',
    'This user id or network has too many open streams, waiting requests and unread answers. Close one, or share one stream between your readers.'
  ],
  'too-many-waiting': [
    429,
    'Too many are waiting',
    'Too many guests are already waiting at this link. Try again later.'
  ],
  'headers-too-large': [431, 'Header fields too large', 'Send fewer or shorter header fields.'],
  'internal-error': [
    500,
    'Internal error',
    'The server failed. Try again; if the error persists, contact the operator.'
  ],
  'store-full': [503, 'Store full', 'The server is out of space. Try again later.'],
  'too-many-streams': [
    503,
    'Too many open streams',
    'The server has reached its limit of open streams. Try again later.'
  ],
  overloaded: [503, 'Overloaded', 'The server is overloaded. Send the request again in a moment.'],
  'shutting-down': [503, 'Shutting down', 'The server is shutting down. Send the request again in a moment.'],
  'not-stored': [
    503,
    'Not stored yet',
    'The server enforces this from now on, but its store cannot write. It is stored as soon as possible; other nodes learn of it then.'
  ],
  'store-unreachable': [503, 'Store unreachable', 'The server cannot reach its store. Try again later.']
} as const satisfies Record<string, readonly [status: number, title: string, detail: string]>

export type ProblemKind = keyof typeof catalogue

interface ProblemExtras {
  /** Replaces the catalogue's `detail`. */
  readonly detail?: string
  /** Extension members (RFC 9457, section 3.2). */
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

const TYPE_PREFIX = 'urn:silly-chat:'
const RETRY_AFTER_SECONDS = '5'

/** Thrown to refuse a request. `http/response/error-handler.ts` turns it into the response. */
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

  /** The response body, application/problem+json. */
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
