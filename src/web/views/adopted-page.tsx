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
  const names = unchanged.map((name, index) => <bdi key={index}>{name === '' ? 'someone without a name' : name}</bdi>)
  return (
    <Card title="You're already in this chat here">
      <p class="lead">
        Here you're still {names.flatMap((name, index) => (index === 0 ? [name] : [', ', name]))}. The other key is
        saved, too, and used if your access with this one ends.
      </p>
      <p>
        <a class="button primary" href={addressOf(paths)}>
          Continue
        </a>
      </p>
    </Card>
  )
}
