/** Schemas of `/v1/handovers`. */
import { z } from 'zod'
import { EXAMPLE, formatCount, time } from './common.ts'
import { member } from './members.ts'

const MAX_SEALED_LENGTH = 16_384
const SEALED = `a string of 1 to ${formatCount(MAX_SEALED_LENGTH)} characters of base64url (A–Z, a–z, 0–9, - and _)`

export const handoverParams = z.object({
  handover: z.string().meta({ description: 'The handover URL, or its last part. A secret.' })
})

export const newHandoverBody = z
  .object({
    sealed: member(
      z
        .string()
        .regex(new RegExp(`^[A-Za-z0-9_-]{1,${MAX_SEALED_LENGTH}}$`), `Send ${SEALED}.`)
        .meta({ description: `The encrypted text: ${SEALED}. The server cannot read it.` }),
      {
        wanted: SEALED,
        mistakenFor: {
          names: ['ciphertext', 'data', 'key', 'keyring', 'text'],
          message: 'Send `sealed`: the encrypted text. The server must not get anything that it can read.'
        }
      }
    )
  })
  .meta({ example: { sealed: 'c2lsbHk' } })

export const newHandover = z
  .object({
    handover: z
      .url()
      .meta({ description: 'The secret URL at which the text can be taken once.', examples: [EXAMPLE.handover] }),
    expires_at: time
  })
  .meta({ id: 'NewHandover' })

export const handover = z
  .object({ sealed: z.string().meta({ description: 'The encrypted text, as it was sent.', examples: ['c2lsbHk'] }) })
  .meta({ id: 'Handover' })
