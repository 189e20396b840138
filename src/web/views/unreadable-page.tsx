/** The view for an incomplete or damaged address of a chat or an invitation. */
import { homeAddress } from '../state/address.ts'
import { Card } from './parts.tsx'

export function UnreadablePage() {
  return (
    <Card title="This address isn't complete">
      <p class="lead">
        Something is missing from it, or was added to it. Copy the whole address again, or ask the person who sent it
        for a new one.
      </p>
      <p>
        <a class="button" href={homeAddress()}>
          Go to the start page
        </a>
      </p>
    </Card>
  )
}
