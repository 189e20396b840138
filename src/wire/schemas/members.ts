/** What a schema cannot say of a member of a query or body: what people call it, and how it is asked for. */
import { z } from 'zod'

export interface MemberFacts {
  /** What it must be, so that a sentence can end in it: "`text` is required: a string of 1 to 4,000 characters." */
  readonly wanted?: string
  /** Other names that count as this one. */
  readonly also?: readonly string[]
  /** Names that mean this member but whose values cannot be read as its own. Without the member itself they are refused. */
  readonly mistakenFor?: { readonly names: readonly string[]; readonly message: string }
}

export const memberFacts = z.registry<MemberFacts>()

/**
 * A member of a query or body, with what is known of it. Call it last, since it is about this very schema. Of a whole
 * query or body: `mistakenFor` are names that belong elsewhere.
 */
export function member<Schema extends z.ZodType>(schema: Schema, facts: MemberFacts): Schema {
  memberFacts.add(schema, facts)
  return schema
}
