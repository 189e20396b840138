/** `/v1/links`: create a link; open it, which asks to join; wait for the decision; revoke it; leave. */
import type { FastifyReply } from 'fastify'
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod'
import { isFinal } from '../../chat/door.ts'
import { tagOf } from '../../chat/ids.ts'
import type { GuestExchange, Service } from '../../chat/service.ts'
import { type Wait, waitForDecision } from '../../chat/waiting.ts'
import type { Hub } from '../../streams/hub.ts'
import {
  answer,
  emptyAnswer,
  example,
  GUEST,
  GUEST_OR_ANYBODY,
  MEMBER_OR_ANYBODY,
  OWNER,
  streamAnswer
} from '../../wire/schemas/answers.ts'
import { EXAMPLE } from '../../wire/schemas/common.ts'
import { APPROVED_EXAMPLE, LINK_STREAM_EXAMPLE, PENDING_EXAMPLE } from '../../wire/schemas/examples.ts'
import { createLinkBody, exchange, exchangeQuery, link, linkParams } from '../../wire/schemas/links.ts'
import { BODY_PROBLEMS, problemResponses, READING_PROBLEMS } from '../../wire/schemas/problems.ts'
import { cursorHeaders, cursorQuery, linkEvents } from '../../wire/schemas/streams.ts'
import { guestView, insideView, linkView } from '../../wire/views.ts'
import type { OpenBudget } from '../limits/open-budget.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { clientAbortSignal, onAbort, pollSockets } from '../request/client-abort.ts'
import { existing, linkIdOf } from '../request/ids.ts'
import { nothingForPrefetch, varyByAccept } from '../request/page-requests.ts'
import { allowUserId, requireUserId, userOf } from '../request/user-id.ts'
import { cursorOf, openEventStream, takesChunks } from '../response/event-stream-head.ts'

export interface LinkRoutesOptions {
  readonly service: Service
  readonly hub: Hub
  readonly limits: RateLimits
  readonly budget: OpenBudget
}

export const linkRoutes: FastifyPluginCallbackZod<LinkRoutesOptions> = (
  app,
  { service, hub, limits, budget },
  done
) => {
  app.post(
    '/v1/links',
    {
      onRequest: limits.on('create-link'),
      preValidation: allowUserId,
      schema: {
        operationId: 'createLink',
        tags: ['links'],
        summary: 'Create a link',
        description:
          "Creates an invitation to a chat. It works for any number of guests and does not expire, unless you set `max_guests` or `expires_in`. The chat URL is enough and no user id is needed, unless only members can create links (`invites`; so it is once the owner has removed somebody). A chat can have 100 open links, 20 of them created without the owner's id. An `Idempotency-Key` has no effect here: each request creates a link.",
        security: MEMBER_OR_ANYBODY,
        body: createLinkBody,
        response: {
          201: answer('The new link.', link, {
            example: { link: EXAMPLE.link, chat: EXAMPLE.chat, expires_at: null, max_guests: null },
            headers: { Location: 'The URL of the link.' }
          }),
          ...problemResponses(
            ...BODY_PROBLEMS,
            'user-id-required',
            'chat-not-found',
            'invites-closed',
            'too-many-links'
          )
        }
      }
    },
    async (request, reply) => {
      const { chat, expires_in, max_guests } = request.body
      const limits = { expiresInSeconds: expires_in ?? undefined, maxGuests: max_guests ?? undefined }
      const created = await service.createLink(existing(chat.id, 'chat-not-found'), request.user, limits)
      const view = linkView(request.base, created.chat, created.link)
      return reply.code(201).header('location', view.link).send(view)
    }
  )

  const ignorePrefetch = [varyByAccept, nothingForPrefetch]

  app.get(
    '/v1/links/:link',
    {
      exposeHeadRoute: false,
      onRequest: [...ignorePrefetch, limits.on('knock', 'read')],
      preValidation: allowUserId,
      schema: {
        operationId: 'exchangeLink',
        tags: ['links'],
        summary: 'Exchange a link for its chat',
        description: `Without a user id, this asks to join: it records a join request, notifies the owner, and answers 202 with a new \`client_id\`. With that \`client_id\`, it answers with the state of the request: 202 while it is pending, 200 with the URL of the chat once it is approved. For the owner and for members it is 200, and nothing is recorded.

With \`wait\`, the answer comes when the owner decides. So one command asks to join, waits, and prints the URL of the chat:

${example('curl "$LINK?wait=300"')}

If you disconnect before you have received the \`client_id\`, the join request is withdrawn, because nobody could use it any more.

A browser (an \`Accept\` that prefers text/html) and the link previews of mail and chat programs get the web page instead, and \`Sec-Purpose: prefetch\` gets 204. None of them asks to join.`,
        security: GUEST_OR_ANYBODY,
        params: linkParams,
        querystring: exchangeQuery,
        response: {
          200: answer('You are a member: `chat` is the URL of the chat.', exchange, { example: APPROVED_EXAMPLE }),
          202: answer('Your join request is pending. See `owner_present`.', exchange, {
            example: PENDING_EXAMPLE
          }),
          204: emptyAnswer('This was a prefetch and had no effect.'),
          ...problemResponses(
            'invalid-request',
            'user-id-required',
            'link-not-found',
            'declined',
            'left',
            'not-this-guest',
            'link-expired',
            'link-revoked',
            'link-full',
            'too-many-waiting',
            'blocked',
            'too-many-streams',
            'too-many-own-streams'
          )
        }
      }
    },
    async (request, reply) => {
      const { user, base, query } = request
      const link = linkIdOf(request)
      const waits = query.wait !== undefined
      const takePlace = () => void reply.raw.once('close', budget.take({ request, user, link }))
      // A newcomer needs a place before the join request is recorded.
      if (waits && user === undefined) takePlace()
      const newcomer = {
        name: query.name || null,
        note: query.note || undefined,
        network: request.network,
        limitsNetwork: limits.areOn,
        waits
      }
      const found = await service.exchange(link, user, newcomer)
      const isOwnerPresent = () => hub.isOwnerPresent(tagOf(link))
      if (found.is === 'inside') return reply.code(200).send(insideView(base, found, await isOwnerPresent()))
      const exchange = { found, seconds: query.wait, gone: clientAbortSignal(request, reply), takePlace }
      const state = user === undefined ? await knocked(exchange, reply) : await known(exchange)
      return reply.code(isFinal(state.request) ? 200 : 202).send(guestView(base, state, await isOwnerPresent()))
    }
  )

  const wait: Wait = (...how) => hub.wait(...how)

  interface OpenExchange {
    readonly found: GuestExchange
    readonly seconds: number | undefined
    readonly gone: AbortSignal
    readonly takePlace: () => void
  }

  /**
   * The request of a guest who has just knocked. It is withdrawn if the client disconnects before it has the client id, and
   * not provisional any more once the operating system has the answer.
   */
  async function knocked({ found, seconds, gone }: OpenExchange, reply: FastifyReply): Promise<GuestExchange> {
    onAbort(gone, () => void service.withdrawLater(found.link, found.client))
    if (seconds === undefined) {
      await pollSockets()
      return found
    }
    const decided = await waitForDecision({ service, wait }, found, { seconds, gone, hasJustKnocked: true })
    await pollSockets()
    reply.raw.once('finish', () => {
      // Otherwise the first use of the client id does it.
      const onFault = (err: unknown) => reply.log.error({ err }, 'a join request was not claimed')
      if (!gone.aborted) service.claim(found.link, found.client).catch(onFault)
    })
    return decided
  }

  /** The request of a guest who had knocked before. */
  async function known({ found, seconds, gone, takePlace }: OpenExchange): Promise<GuestExchange> {
    if (seconds === undefined) return found
    if (!isFinal(found.request)) takePlace()
    return waitForDecision({ service, wait }, found, { seconds, gone, hasJustKnocked: false })
  }

  app.head(
    '/v1/links/:link',
    {
      config: { swagger: { exposeHeadRoute: true } },
      onRequest: [...ignorePrefetch, limits.on('read')],
      schema: {
        operationId: 'checkLink',
        tags: ['links'],
        summary: 'Check whether a link is open',
        description:
          'Answers with the status that a GET without a user id would have, but does not ask to join: 200 if the link is open.',
        security: [],
        params: linkParams,
        response: {
          200: emptyAnswer('The link is open.'),
          ...problemResponses('link-not-found', 'link-expired', 'link-revoked', 'link-full', 'blocked')
        }
      }
    },
    async (request, reply) => {
      await service.checkLink(linkIdOf(request), request.network)
      return reply.code(200).type('application/json; charset=utf-8').send()
    }
  )

  app.delete(
    '/v1/links/:link',
    {
      onRequest: limits.on('decide'),
      preValidation: requireUserId,
      schema: {
        operationId: 'revokeLink',
        tags: ['links'],
        summary: 'Revoke a link',
        description:
          'For the owner. The link stops working, pending guests are notified, and members stay. Revoking a link that has already ended changes nothing. Send the user id in the Authorization header.',
        security: OWNER,
        params: linkParams,
        response: {
          204: emptyAnswer('The link has ended.'),
          ...problemResponses(...READING_PROBLEMS, 'user-id-required', 'link-not-found', 'not-the-owner', 'not-stored')
        }
      }
    },
    async (request, reply) => {
      await service.revokeLink(linkIdOf(request), userOf(request))
      return reply.code(204).send()
    }
  )

  app.delete(
    '/v1/links/:link/request',
    {
      onRequest: limits.on('decide'),
      preValidation: requireUserId,
      schema: {
        operationId: 'leave',
        tags: ['links'],
        summary: 'Withdraw my join request, or leave the chat',
        description:
          'For the guest who asked to join with this link. Once the call returns, that guest can no longer read or post. Repeating it changes nothing. Send the user id in the Authorization header.',
        security: GUEST,
        params: linkParams,
        response: {
          204: emptyAnswer('The guest is neither pending nor a member.'),
          ...problemResponses(...READING_PROBLEMS, 'user-id-required', 'link-not-found', 'not-this-guest', 'not-stored')
        }
      }
    },
    async (request, reply) => {
      await service.leave(linkIdOf(request), userOf(request))
      return reply.code(204).send()
    }
  )

  app.get(
    '/v1/links/:link/events',
    {
      exposeHeadRoute: false,
      onRequest: limits.on('stream'),
      preValidation: requireUserId,
      schema: {
        operationId: 'followLink',
        tags: ['links'],
        summary: 'Follow the join request live',
        description: `For the guest who asked to join with this link: a stream of Server-Sent Events with the state of the join request, at once and whenever it changes. A web page like this one cannot show it. In a terminal:

${example(`curl -N "$LINK/events" -H "Authorization: Bearer $CLIENT_ID"`)}

The stream ends after any state other than \`pending\`. If you reconnect and \`Last-Event-ID\` names the current, final state, the answer is 204, which tells an EventSource to stop. Over HTTP/1.1, a body that is not complete was cut off: reconnect.`,
        security: GUEST,
        params: linkParams,
        headers: cursorHeaders,
        querystring: cursorQuery,
        response: {
          200: streamAnswer('The live stream of the join request.', linkEvents, LINK_STREAM_EXAMPLE),
          204: emptyAnswer('You already know the final state.'),
          ...problemResponses(
            'invalid-request',
            'user-id-required',
            'link-not-found',
            'not-this-guest',
            'too-many-streams',
            'too-many-own-streams'
          )
        }
      }
    },
    async (request, reply) => {
      const client = userOf(request)
      const link = linkIdOf(request)
      const { chat, title, request: own } = await service.ownRequest(link, client)
      if (isFinal(own) && cursorOf(request) === own.state) return reply.code(204).send()
      const release = budget.take({ request, user: client, link })
      const reader = { chat, link, title, user: client, base: request.base, isChunked: takesChunks(request) }
      openEventStream(request, reply, (socket) => hub.openGuestStream(socket, reader), release)
      return reply
    }
  )

  done()
}
