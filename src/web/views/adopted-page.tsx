/** After keys from another device were stored: the chat, unless there is something to say first. */
import { homeAddress, navigate } from '../state/address.ts'
import type { Adopted } from '../state/adopt.ts'
import { Card } from './parts.tsx'

/** Shows the chat, or the list of chats if there are several. Returns false if there is something to say first. */
export function openAdopted({ paths, unchanged }: Adopted, options: { replace?: boolean } = {}): boolean {
  if (unchanged.length > 0) return false
  navigate(addressOf(paths), options)
  return true
}

function addressOf(paths: readonly string[]): string {
  const [path, ...others] = paths
  return path === undefined || others.length > 0 ? homeAddress() : path
}

export function AdoptedPage({ adopted: { paths, unchanged } }: { adopted: Adopted }) {
  const names = unchanged.map((name, index) => <bdi key={index}>{name === '' ? 'somebody without a name' : name}</bdi>)
  return (
    <Card title="You are in this chat here already">
      <p class="lead">
        You go on as {names.flatMap((name, index) => (index === 0 ? [name] : [', ', name]))}. The other key is kept as
        well: this browser uses it if the present one ends.
      </p>
      <p>
        <a class="button primary" href={addressOf(paths)}>
          Go on
        </a>
      </p>
    </Card>
  )
}
