/** How routes declare their responses for the OpenAPI document. */
import { z } from 'zod'

interface AnswerExtras<Schema extends z.ZodType> {
  readonly example: z.input<Schema>
  /** Descriptions of the response headers. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A JSON response. */
export function answer<Schema extends z.ZodType>(
  description: string,
  schema: Schema,
  { example, headers }: AnswerExtras<Schema>
) {
  return { description, ...headerDocs(headers), content: { 'application/json': { schema, example } } }
}

/** The `headers` of a response in the OpenAPI document. */
export function headerDocs(headers: Readonly<Record<string, string>> = {}) {
  const docs = Object.entries(headers).map(([name, description]) => [name, { type: 'string', description }])
  return docs.length === 0 ? {} : { headers: Object.fromEntries(docs) }
}

/** A response without a body. */
export function emptyAnswer(description: string) {
  return z.undefined().meta({ type: 'null', description })
}

/** A live stream of `events`; `text` is an example as sent. */
export function streamAnswer(description: string, events: z.ZodType, text: string) {
  const { id } = events.meta() ?? {}
  const schema = z.string().meta({
    contentMediaType: 'text/event-stream',
    contentSchema: { $ref: `#/components/schemas/${id}` },
    description:
      'The events as they are sent. `contentSchema` describes them with the `data` of each event parsed as JSON.'
  })
  return { description, content: { 'text/event-stream': { schema, example: text } } }
}

/** A shell command as a Markdown code block. */
export function example(command: string): string {
  return `\`\`\`sh\n${command}\n\`\`\``
}

/**
 * The `security` of a route: whose user id it takes; `{}` means none. Swagger UI sends the first one that the user has
 * entered.
 */
export const OWNER = [{ owner: [] }]
export const GUEST = [{ guest: [] }]
export const MEMBER = [{ owner: [] }, { guest: [] }]
export const MEMBER_OR_ANYBODY = [{ owner: [] }, { guest: [] }, {}]
/** The owner comes last, so that Swagger UI can ask to join as a new guest even if the owner's id is entered. */
export const GUEST_OR_ANYBODY = [{ guest: [] }, {}, { owner: [] }]
