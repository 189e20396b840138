/** `/v1/links`: invite somebody; open an invitation, which knocks; wait at the door. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod'
import { isFinal, type JoinRequest } from '../chat/door.ts'
import { type LinkId, readLinkId, tagOf, type UserId } from '../ids.ts'
import { admit } from '../plugins/admit.ts'
import { nothingForPrefetch, varyByAccept } from '../plugins/browsers.ts'
import { hangUpOf, lookAtNetwork, onAbort } from '../plugins/hang-up.ts'
import type { RateLimits } from '../plugins/rate-limits.ts'
import { cursorOf, openEventStream, takesChunks } from '../plugins/stream-head.ts'
import { allowUserId, requireUserId, userOf } from '../plugins/user-id.ts'
import { answer, emptyAnswer, example, streamAnswer, USER_ID_OPTIONAL } from '../schemas/answers.ts'
import { EXAMPLE } from '../schemas/common.ts'
import { createLinkBody, exchange, exchangeQuery, link, linkParams } from '../schemas/links.ts'
import { BODY_PROBLEMS, problemResponses, READING_PROBLEMS } from '../schemas/problems.ts'
import { cursorHeaders, cursorQuery, linkEvents } from '../schemas/streams.ts'
import { type Exchange, refuseEnded, type Service } from '../service.ts'
import { StoreUnavailable } from '../store/store.ts'
import type { Hub } from '../streams/hub.ts'
import { guestView, insideView, linkView } from '../views.ts'

/** How often, and when, a request is taken back again whose guest has gone while the store was away. */
const TAKE_BACK_ATTEMPTS = 60
const TAKE_BACK_RETRY_MS = 1000

/** A guest's own request, and whose it is. */
type Asked = Extract<Exchange, { is: 'guest' }>

export interface LinkRoutesOptions {
  readonly service: Service
  readonly hub: Hub
  readonly limits: RateLimits
}

export const linkRoutes: FastifyPluginCallbackZod<LinkRoutesOptions> = (app, { service, hub, limits }, done) => {
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
          "Makes an invitation to a chat, for any number of guests and for ever, unless `expires_in` or `max_guests` limit it. The chat URL is the permission; of a chat's 100 open links at most 20 are made without the owner's id. An `Idempotency-Key` has no effect here: each request creates a link.",
        security: USER_ID_OPTIONAL,
        body: createLinkBody,
        response: {
          201: answer('The new link.', link, {
            example: { link: EXAMPLE.link, chat: EXAMPLE.chat, expires_at: null, max_guests: null },
            headers: { Location: 'The URL of the link.' }
          }),
          ...problemResponses(...BODY_PROBLEMS, 'user-id-required', 'chat-not-found', 'too-many-links')
        }
      }
    },
    async (request, reply) => {
      const { chat, expires_in, max_guests } = request.body
      const limits = { expiresInSeconds: expires_in ?? undefined, maxGuests: max_guests ?? undefined }
      const created = await service.createLink(chat.id, request.user, limits)
      const view = linkView(request.base, created.chat, created.link)
      return reply.code(201).header('location', view.link).send(view)
    }
  )

  const lookingAhead = [varyByAccept, nothingForPrefetch]

  app.get(
    '/v1/links/:link',
    {
      exposeHeadRoute: false,
      onRequest: [...lookingAhead, limits.on('knock', 'read')],
      preValidation: allowUserId,
      schema: {
        operationId: 'exchangeLink',
        tags: ['links'],
        summary: 'Exchange a link for its chat',
        description: `Without a user id this knocks: it records a join request, tells the owner, and answers 202 with a new \`client_id\`. With that \`client_id\` it answers with the state of the request: 202 while pending, 200 with the URL of the chat once approved. With the user id of the owner or of a member it is 200, and nothing is recorded.

With \`wait\` the answer waits for the decision, so that one command asks, waits at the door and prints the URL of the chat:

${example('curl "$LINK?wait=300"')}

A guest whose connection closes before the whole answer with the \`client_id\` was handed over can never come back, so that request is taken back.

A browser (an \`Accept\` that prefers text/html) and the link previews of mail and chat programs get the web page instead; \`Sec-Purpose: prefetch\` gets 204. None of them knocks.`,
        security: USER_ID_OPTIONAL,
        params: linkParams,
        querystring: exchangeQuery,
        response: {
          200: answer('You are in: `chat` is the URL of the chat.', exchange, { example: APPROVED_EXAMPLE }),
          202: answer('You have knocked and the owner has been told, or you are waiting still.', exchange, {
            example: PENDING_EXAMPLE
          }),
          204: emptyAnswer('A prefetch, which has no effect.'),
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
            'too-many-streams',
            'too-many-own-streams'
          )
        }
      }
    },
    async (request, reply) => {
      const { user, base, query } = request
      // Nobody knocks in vain.
      if (query.wait !== undefined && user === undefined) admit(hub, user)
      const network = limits.networkOf(request)
      const found = await service.exchange(readLinkId(request.params.link), user, { name: query.name || null, network })
      if (found.is === 'inside') return reply.code(200).send(insideView(base, found.chat, found.link))
      const { chat, client, link } = found
      const hangUp = hangUpOf(request, reply)
      if (user === undefined) onAbort(hangUp, () => takeBack(request, link, client))
      const own = query.wait === undefined ? found.request : await decision(found, query.wait, hangUp, user)
      if (user === undefined) await lookAtNetwork()
      return reply.code(isFinal(own) ? 200 : 202).send(guestView(base, chat, client, own))
    }
  )

  /** The guest's request once it is decided, or as it is when the time is up. */
  async function decision(
    { link, client, request }: Asked,
    seconds: number,
    gone: AbortSignal,
    user: UserId | undefined
  ): Promise<JoinRequest> {
    const look = async () => (await service.ownRequest(link, client)).request
    if (user !== undefined && !isFinal(request)) admit(hub, user)
    try {
      await hub.wait(tagOf(link), seconds, gone, async () => isFinal(await look()), client)
      return refuseEnded(await look(), client)
    } catch (error) {
      // Who has just knocked must learn the own client id, whatever has become of the store since.
      if (user === undefined && error instanceof StoreUnavailable) return request
      throw error
    }
  }

  /** Whoever never learned the client id can never come back. */
  async function takeBack({ log }: FastifyRequest, link: LinkId, client: UserId): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await service.leave(link, client)
        return
      } catch (err) {
        if (err instanceof StoreUnavailable && attempt < TAKE_BACK_ATTEMPTS) await sleep(TAKE_BACK_RETRY_MS)
        else {
          log.error({ err }, 'a request was not taken back')
          return
        }
      }
    }
  }

  app.head(
    '/v1/links/:link',
    {
      config: { swagger: { exposeHeadRoute: true } },
      onRequest: [...lookingAhead, limits.on('read')],
      schema: {
        operationId: 'checkLink',
        tags: ['links'],
        summary: 'Check whether a link is open',
        description: 'Answers as GET would for a newcomer, without a body and without knocking: 200 on an open link.',
        security: [],
        params: linkParams,
        response: {
          200: emptyAnswer('The link is open.'),
          ...problemResponses('link-not-found', 'link-expired', 'link-revoked', 'link-full')
        }
      }
    },
    async (request, reply) => {
      await service.checkLink(readLinkId(request.params.link))
      return reply.code(200).type('application/json; charset=utf-8').send()
    }
  )

  app.delete(
    '/v1/links/:link',
    {
      onRequest: limits.on('read'),
      preValidation: requireUserId,
      schema: {
        operationId: 'revokeLink',
        tags: ['links'],
        summary: 'Revoke a link',
        description:
          'For the owner. Nobody new comes in through it, whoever waits at it is told so, and who is in stays in. May be repeated; a link that has ended otherwise stays as it is. The user id counts in the Authorization header alone.',
        params: linkParams,
        response: {
          204: emptyAnswer('The link takes nobody new.'),
          ...problemResponses(...READING_PROBLEMS, 'user-id-required', 'link-not-found', 'not-the-owner')
        }
      }
    },
    async (request, reply) => {
      await service.revokeLink(readLinkId(request.params.link), userOf(request))
      return reply.code(204).send()
    }
  )

  app.delete(
    '/v1/links/:link/request',
    {
      onRequest: limits.on('read'),
      preValidation: requireUserId,
      schema: {
        operationId: 'leave',
        tags: ['links'],
        summary: 'Take the own request back, or leave the chat',
        description:
          'For the guest of this link. From the answer on nothing of that guest is accepted. May be repeated. The user id counts in the Authorization header alone.',
        params: linkParams,
        response: {
          204: emptyAnswer('Nobody of that user id waits or is in.'),
          ...problemResponses(...READING_PROBLEMS, 'user-id-required', 'link-not-found', 'not-this-guest')
        }
      }
    },
    async (request, reply) => {
      await service.leave(readLinkId(request.params.link), userOf(request))
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
        summary: 'Wait at the door',
        description: `For the guest of this link: a stream of Server-Sent Events with the state of the own join request, at once and again when it changes. Swagger UI cannot show a stream; this can:

${example(`curl -N "$LINK/events" -H "Authorization: Bearer $CLIENT_ID"`)}

Every state but \`pending\` ends the stream. A reconnect whose \`Last-Event-ID\` names the present, final state gets 204, which tells an EventSource to stop. With HTTP/1.1 a body that is not complete was cut off: reconnect.`,
        params: linkParams,
        headers: cursorHeaders,
        querystring: cursorQuery,
        response: {
          200: streamAnswer('The live stream of the own join request.', linkEvents, LINK_STREAM_EXAMPLE),
          204: emptyAnswer('You know the final state already.'),
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
      const { chat, request: own } = await service.ownRequest(readLinkId(request.params.link), client)
      if (isFinal(own) && cursorOf(request) === own.state) return reply.code(204).send()
      admit(hub, client)
      const reader = { chat, client, base: request.base, isChunked: takesChunks(request) }
      openEventStream(request, reply, (socket) => hub.openGuestStream(socket, reader))
      return reply
    }
  )

  done()
}

const PENDING_EXAMPLE = {
  link: EXAMPLE.link,
  request_sent_status: true,
  approval_status: false,
  state: 'pending' as const,
  chat: null,
  client_id: EXAMPLE.clientId,
  request_id: EXAMPLE.requestId,
  events: `${EXAMPLE.link}/events`,
  message: 'Waiting for the owner. Ask again with this client_id (Authorization: Bearer …).'
}

const APPROVED_EXAMPLE = {
  ...PENDING_EXAMPLE,
  approval_status: true,
  state: 'approved' as const,
  chat: EXAMPLE.chat,
  events: `${EXAMPLE.chat}/events`,
  message: 'You are in.'
}

const LINK_STREAM_EXAMPLE = `:
retry: 3175

id: pending
event: approval
data: {"link":"…","request_sent_status":true,"approval_status":false,"state":"pending","chat":null,"client_id":"…","request_id":"7QF2-9KXM","events":"…","message":"…","reason":null}

id: approved
event: approval
data: {"link":"…","request_sent_status":true,"approval_status":true,"state":"approved","chat":"…","client_id":"…","request_id":"7QF2-9KXM","events":"…","message":"…","reason":null}

`
