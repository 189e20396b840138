/** Facts about a member of a query or body that a schema cannot express: aliases, common mistakes, and how errors describe it. */
import { z } from 'zod'

export interface MemberFacts {
  /** What it must be, as the end of a sentence: "`text` is required: a string of 1 to 4,000 characters." */
  readonly wanted?: string
  /** Aliases. */
  readonly also?: readonly string[]
  /** Names that clients send by mistake and whose values cannot be used. They are refused if the member itself is missing. */
  readonly mistakenFor?: { readonly names: readonly string[]; readonly message: string }
}

export const memberFacts = z.registry<MemberFacts>()

/**
 * Registers facts about a member. Call it last: `meta`, `optional` and the like return a new schema. For a whole query or
 * body, `mistakenFor` lists names that belong elsewhere.
 */
export function member<Schema extends z.ZodType>(schema: Schema, facts: MemberFacts): Schema {
  memberFacts.add(schema, facts)
  return schema
}
