/** How a route declares what it answers, so that the OpenAPI document tells all of it. */
import { z } from 'zod'

interface AnswerExtras<Schema extends z.ZodType> {
  readonly example: z.input<Schema>
  /** What each header tells. */
  readonly headers?: Readonly<Record<string, string>>
}

/** The answer of a route in JSON. */
export function answer<Schema extends z.ZodType>(
  description: string,
  schema: Schema,
  { example, headers }: AnswerExtras<Schema>
) {
  return { description, ...headerDocs(headers), content: { 'application/json': { schema, example } } }
}

/** The `headers` of an answer in the document. */
export function headerDocs(headers: Readonly<Record<string, string>> = {}) {
  const docs = Object.entries(headers).map(([name, description]) => [name, { type: 'string', description }])
  return docs.length === 0 ? {} : { headers: Object.fromEntries(docs) }
}

/** An answer without a body. */
export function emptyAnswer(description: string) {
  return z.undefined().meta({ type: 'null', description })
}

/** The answer of a route that is a live stream of `events`; `text` is what one looks like on the wire. */
export function streamAnswer(description: string, events: z.ZodType, text: string) {
  const { id } = events.meta() ?? {}
  const schema = z.string().meta({
    contentMediaType: 'text/event-stream',
    contentSchema: { $ref: `#/components/schemas/${id}` },
    description:
      'The events as they are sent. `contentSchema` describes them with the `data` line of each parsed as JSON.'
  })
  return { description, content: { 'text/event-stream': { schema, example: text } } }
}

/** A command to paste, in the Markdown of a description. */
export function example(command: string): string {
  return `\`\`\`sh\n${command}\n\`\`\``
}

/**
 * The `security` of a route: whose user id it takes. Swagger UI sends the first one that has been entered there; `{}`
 * stands for none at all.
 */
export const OWNER = [{ owner: [] }]
export const GUEST = [{ guest: [] }]
export const MEMBER = [{ owner: [] }, { guest: [] }]
export const MEMBER_OR_ANYBODY = [{ owner: [] }, { guest: [] }, {}]
/** The owner's id comes last, so that a page on which it has been entered can still ask to join as a new guest. */
export const GUEST_OR_ANYBODY = [{ guest: [] }, {}, { owner: [] }]
