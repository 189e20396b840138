/** Hands the user over to another device: an address with the secret in its fragment, which is never sent to a server. */
import { carryAddress } from '../state/address.ts'
import type { ChatSession } from '../state/chat-session.ts'
import type { ChatKey } from '../state/keys.ts'
import { CopyButton, Dialog } from './parts.tsx'
import { QrCode } from './qr-code.tsx'

export function CarryDialog({ session, own, close }: { session: ChatSession; own: ChatKey; close: () => void }) {
  const address = carryAddress(session.chat.url, { userId: own.userId, name: own.name, link: own.link })
  return (
    <Dialog title="Carry on on another device" close={close}>
      <p>
        Scan this with the other device, or open the address there. <strong>Show it to nobody</strong>: whoever has it
        is you in this chat.
      </p>
      <QrCode text={address} label="Your key to this chat as a QR code" />
      <p class="address" dir="ltr">
        {address}
      </p>
      <CopyButton text={address} label="Copy the address" />
    </Dialog>
  )
}
