/** For the owner: members and links. For everybody: moving to another device, and leaving or closing the chat. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Guest, type JoinRequest, type Links } from '../../client/index.ts'
import { homeAddress, localUrl, navigate } from '../state/address.ts'
import type { ChatSession } from '../state/chat-session.ts'
import { doForEach, sentenceFor } from '../state/errors.ts'
import type { ChatKey } from '../state/keyring.ts'
import { forgetChat } from '../state/keys.ts'
import { Dialog } from './parts.tsx'

interface PeopleDialogProps {
  readonly session: ChatSession
  readonly path: string
  readonly own: ChatKey
  readonly close: () => void
  readonly carry: () => void
}

export function PeopleDialog({ session, path, own, close, carry }: PeopleDialogProps) {
  const isOwner = session.isOwner.value
  const error = useSignal('')

  async function run(work: () => Promise<unknown>): Promise<void> {
    error.value = ''
    try {
      await work()
    } catch (cause) {
      error.value = sentenceFor(cause)
    }
  }

  return (
    <Dialog title={isOwner ? 'People and links' : 'This chat'} close={close}>
      <p role="alert" class="error">
        {error.value}
      </p>
      {isOwner && <Members session={session} name={own.name} run={run} />}
      {isOwner && <LinkList session={session} run={run} />}
      <section>
        <h3>This browser</h3>
        <p>Your key to this chat is only stored in this browser. If you clear its data, you lose the chat.</p>
        <button type="button" onClick={carry}>
          Use on another device
        </button>
      </section>
      {isOwner ? (
        <CloseChat session={session} run={run} />
      ) : (
        <LeaveChat session={session} own={own} path={path} run={run} />
      )}
    </Dialog>
  )
}

type Run = (work: () => Promise<unknown>) => Promise<void>

function Members({ session, name, run }: { session: ChatSession; name: string; run: Run }) {
  const members = [...session.requests.value.values()].filter(({ state }) => state === 'approved')
  const declined = [...session.requests.value.values()].filter(({ state }) => state === 'declined')
  return (
    <section>
      <h3>In this chat ({members.length + 1})</h3>
      <ul class="plain list">
        <li class="person">
          <span>
            {name === '' ? (
              'You · owner'
            ) : (
              <span>
                <bdi>{name}</bdi> (you) · owner
              </span>
            )}
          </span>
        </li>
        {members.map((request) => (
          <Person key={request.request_id} request={request}>
            <button
              type="button"
              class="danger"
              aria-label={`Remove ${labelOf(request)}`}
              onClick={() => run(() => session.chat.decline(request.link, request.request_id))}
            >
              Remove
            </button>
          </Person>
        ))}
      </ul>
      {declined.length > 0 && (
        <>
          <h3>Declined or removed ({declined.length})</h3>
          <ul class="plain list">
            {declined.map((request) => (
              <Person key={request.request_id} request={request}>
                <button
                  type="button"
                  aria-label={`Let in ${labelOf(request)}`}
                  onClick={() => run(() => session.chat.approve(request.link, request.request_id))}
                >
                  Let in
                </button>
              </Person>
            ))}
          </ul>
        </>
      )}
    </section>
  )
}

function labelOf({ name, request_id }: JoinRequest): string {
  return `${name ?? 'No name'}, ${request_id}`
}

function timeOf(time: string): string {
  return new Date(time).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })
}

function Person({ request, children }: { request: JoinRequest; children: preact.ComponentChildren }) {
  return (
    <li class="person">
      <span>
        <bdi>{request.name ?? 'No name'}</bdi> <span class="code">{request.request_id}</span>
      </span>
      {children}
    </li>
  )
}

function LinkList({ session, run }: { session: ChatSession; run: Run }) {
  const links = useSignal<Links['links']>([])
  const read = async (): Promise<void> => {
    links.value = (await session.chat.links()).links.reverse()
  }
  useEffect(() => void run(read), [session.requests.value])
  const revoke = (link: string): Promise<void> =>
    run(async () => {
      await session.chat.revoke(localUrl(link))
      await read()
    })
  const revokeOthers = (): Promise<void> =>
    run(async () => {
      // Members can have created links since.
      await read()
      try {
        await doForEach(links.value.filter(isOpenOfOthers), ({ link }) => session.chat.revoke(localUrl(link)))
      } finally {
        await read()
      }
    })
  return (
    <section>
      <h3>Links</h3>
      {links.value.length === 0 && <p>No links yet.</p>}
      {links.value.some(isOpenOfOthers) && (
        <Confirmed
          ask="Revoke all links but mine…"
          warning="All links that others made stop working, and nobody waiting at them can join. Everyone in the chat stays."
          act="Revoke all"
          onAct={revokeOthers}
        />
      )}
      <ul class="plain list">
        {links.value.map(({ link, state, approved, pending, expires_at, max_guests, created_at }) => (
          <li class="person" key={link}>
            <span>
              Created {timeOf(created_at)}
              <span class="note">
                {' '}
                {state === 'open' ? '' : `${state}, `}
                {approved}
                {max_guests === null ? '' : ` of ${max_guests}`} joined, {pending} waiting
                {expires_at !== null &&
                  state === 'open' &&
                  `, until ${new Date(expires_at).toLocaleString([], { dateStyle: 'short', timeStyle: 'short' })}`}
              </span>
            </span>
            {state === 'open' && (
              <button
                type="button"
                class="danger"
                aria-label={`Revoke the link of ${timeOf(created_at)}`}
                onClick={() => revoke(link)}
              >
                Revoke
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}

function isOpenOfOthers({ state, made_by }: Links['links'][number]): boolean {
  return state === 'open' && made_by !== 'owner'
}

interface ConfirmedProps {
  readonly ask: string
  readonly warning: string
  readonly act: string
  readonly onAct: () => Promise<void>
  /** Whether the focus can return to the first button: not if other buttons of the section can disappear. */
  readonly isAlone?: boolean
}

/** A button whose click is confirmed in its place. */
function Confirmed({ ask, warning, act, onAct, isAlone = false }: ConfirmedProps) {
  const isConfirming = useSignal(false)
  return isConfirming.value ? (
    <>
      <p>{warning}</p>
      <div class="actions">
        <button type="button" data-next onClick={() => (isConfirming.value = false)}>
          Cancel
        </button>
        <button type="button" class="danger" onClick={onAct}>
          {act}
        </button>
      </div>
    </>
  ) : (
    <button
      type="button"
      class="danger"
      data-next={isAlone ? '' : undefined}
      onClick={() => (isConfirming.value = true)}
    >
      {ask}
    </button>
  )
}

function CloseChat({ session, run }: { session: ChatSession; run: Run }) {
  return (
    <section>
      <h3>Close chat</h3>
      <Confirmed
        ask="Close this chat…"
        warning="This deletes all messages for everyone and can't be undone."
        act="Close and delete"
        onAct={() => run(() => session.chat.close())}
        isAlone
      />
    </section>
  )
}

function LeaveChat({ session, own, path, run }: Pick<PeopleDialogProps, 'session' | 'own' | 'path'> & { run: Run }) {
  const { link } = own
  if (link === undefined) return null
  const leave = (): Promise<void> =>
    run(async () => {
      await new Guest(location.origin + link, own.userId, '').leave()
      session.announceLeaving()
      forgetChat(path)
      navigate(homeAddress())
    })
  return (
    <section>
      <h3>Leave chat</h3>
      <Confirmed
        ask="Leave this chat…"
        warning="You won't see this chat anymore, and you'll need a new invite to come back."
        act="Leave"
        onAct={leave}
        isAlone
      />
    </section>
  )
}
