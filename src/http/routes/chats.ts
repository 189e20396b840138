/** `/v1/chats`: create a chat, post to it, read it, follow it, list its members, links and join requests. */
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod'
import type { LoggedEvent } from '../../chat/events.ts'
import { tagOf } from '../../chat/ids.ts'
import { invitesOf } from '../../chat/profile.ts'
import type { ChatReading, Service } from '../../chat/service.ts'
import type { Look } from '../../chat/store.ts'
import type { Hub } from '../../streams/hub.ts'
import { toJson } from '../../wire/json.ts'
import { answer, emptyAnswer, example, MEMBER, OWNER, streamAnswer } from '../../wire/schemas/answers.ts'
import {
  changeChatBody,
  chatParams,
  createChatBody,
  members,
  membersQuery,
  message,
  messages,
  newChat,
  ownProfile,
  postMessageBody,
  postMessageHeaders,
  readMessagesQuery
} from '../../wire/schemas/chats.ts'
import {
  CHAT_STREAM_EXAMPLE,
  JOIN_REQUESTS_EXAMPLE,
  LINKS_EXAMPLE,
  MEMBERS_EXAMPLE,
  MESSAGE_EXAMPLE,
  MESSAGES_EXAMPLE,
  NEW_CHAT_EXAMPLE,
  PROFILE_EXAMPLE
} from '../../wire/schemas/examples.ts'
import { joinRequests, joinRequestsQuery } from '../../wire/schemas/join-requests.ts'
import { links, linksQuery } from '../../wire/schemas/links.ts'
import { BODY_PROBLEMS, problemResponses, READING_PROBLEMS } from '../../wire/schemas/problems.ts'
import { chatEvents, cursorHeaders, cursorQuery } from '../../wire/schemas/streams.ts'
import { type Base, chatEventsUrl, chatUrl } from '../../wire/urls.ts'
import { countedLinkView, joinRequestView, memberView, ownProfileView } from '../../wire/views.ts'
import type { OpenBudget } from '../limits/open-budget.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { clientAbortSignal } from '../request/client-abort.ts'
import { chatIdOf } from '../request/ids.ts'
import { requireObjectOrNoBody } from '../request/json-body.ts'
import { varyByAccept } from '../request/page-requests.ts'
import { requireUserId, userOf } from '../request/user-id.ts'
import { cursorOf, openEventStream, takesChunks } from '../response/event-stream-head.ts'
import { type JsonPages, sendJson, sendJsonPages } from '../response/send-json.ts'

export interface ChatRoutesOptions {
  readonly service: Service
  readonly hub: Hub
  readonly limits: RateLimits
  readonly budget: OpenBudget
}

export const chatRoutes: FastifyPluginCallbackZod<ChatRoutesOptions> = (
  app,
  { service, hub, limits, budget },
  done
) => {
  app.post(
    '/v1/chats',
    {
      onRequest: limits.on('create-chat'),
      preValidation: requireObjectOrNoBody,
      schema: {
        operationId: 'createChat',
        tags: ['chats'],
        summary: 'Create a chat',
        description:
          'Creates a chat and makes you its owner. The `author_id` is shown only in this answer: store it, and keep it secret. An `Idempotency-Key` has no effect here: each request creates a chat.',
        security: [],
        body: createChatBody,
        response: {
          201: answer('The new chat.', newChat, {
            example: NEW_CHAT_EXAMPLE,
            headers: { Location: 'The URL of the chat.' }
          }),
          ...problemResponses(...BODY_PROBLEMS)
        }
      }
    },
    async ({ base, body }, reply) => {
      const { chat, author } = await service.createChat({ title: body.title, ownerName: body.name })
      const url = chatUrl(base, chat)
      return reply
        .code(201)
        .header('location', url)
        .send({ chat: url, author_id: author, events: chatEventsUrl(base, chat) })
    }
  )

  app.post(
    '/v1/chats/:chat',
    {
      onRequest: limits.on('post'),
      preValidation: requireUserId,
      schema: {
        operationId: 'postMessage',
        tags: ['chats'],
        summary: 'Post a message',
        description:
          'For members. The server sets `from` by the right that was used; clients decide what the text means.',
        security: MEMBER,
        params: chatParams,
        headers: postMessageHeaders,
        body: postMessageBody,
        response: {
          201: answer('The message, as every member gets it.', message, { example: MESSAGE_EXAMPLE }),
          ...problemResponses(
            ...BODY_PROBLEMS,
            'user-id-required',
            'chat-not-found',
            'not-a-member',
            'chat-full',
            'idempotency-key-reused'
          )
        }
      }
    },
    async (request, reply) => {
      const chat = chatIdOf(request)
      const key = request.headers['idempotency-key']
      const { json } = await service.postMessage(chat, userOf(request), request.body.text, key)
      await sendJson(reply, 201, json)
    }
  )

  app.get(
    '/v1/chats/:chat',
    {
      onRequest: [varyByAccept, limits.on('read')],
      preValidation: requireUserId,
      schema: {
        operationId: 'readChat',
        tags: ['chats'],
        summary: 'Read the chat',
        description:
          'For members: all messages, oldest first, unless the query selects some of them: `after` and `limit` read forwards, `last` and `before` read backwards from the newest message. A browser (an `Accept` that prefers text/html) gets the web page instead, whatever the id.',
        security: MEMBER,
        params: chatParams,
        querystring: readMessagesQuery,
        response: {
          200: answer('The messages.', messages, { example: MESSAGES_EXAMPLE }),
          ...problemResponses(
            'invalid-request',
            'cursor-unknown',
            'user-id-required',
            'chat-not-found',
            'not-a-member',
            'too-many-streams',
            'too-many-own-streams'
          )
        }
      }
    },
    async (request, reply) => {
      const { wait } = request.query
      const read = (look?: Look) => service.readMessages(chatIdOf(request), userOf(request), request.query, look)
      const holder = { request, user: userOf(request) }
      let history = await read()
      if (wait !== undefined && history.first.count === 0) {
        const release = budget.take(holder)
        const isDone = async (look: Look) => {
          history = await read(look)
          return history.first.count > 0
        }
        const wakes = (events: readonly LoggedEvent[]) => events.some(({ type }) => type === 'message')
        const gone = clientAbortSignal(request, reply)
        await hub.wait(tagOf(history.chat), { seconds: wait, gone, wakes, isDone }).finally(release)
        // Join events, which do not end the wait, move `last_event_id` too.
        if (history.first.count === 0) history = await read()
      }
      await sendJsonPages(reply, historyPages(request.base, history), () => budget.take(holder))
    }
  )

  app.get(
    '/v1/chats/:chat/events',
    {
      exposeHeadRoute: false,
      onRequest: limits.on('stream'),
      preValidation: requireUserId,
      schema: {
        operationId: 'followChat',
        tags: ['chats'],
        summary: 'Follow the chat live',
        description: `For members: a stream of Server-Sent Events. A web page like this one cannot show it. In a terminal:

${example(`curl -N "$CHAT/events" -H "Authorization: Bearer $USER_ID"`)}

With a cursor (the \`Last-Event-ID\` header, or \`last_event_id\` on the first connect), the stream sends every event after it, each once and in order, then \`ready\`, then live events. Without a cursor, the owner first gets the join requests that are still pending, then \`ready\`, then live events. If the cursor is unknown, the stream sends \`reset\` and continues as without a cursor. Only the owner gets join events; the other members get \`member_joined\` and \`member_left\` with the same ids, and nothing of those who are not let in. A comment line every few seconds keeps the connection open. A reader that falls too far behind is disconnected and can resume from its cursor.

Over HTTP/1.1 the stream is chunked, so you can tell how it ended: after \`closed\`, or when the server stops, the body is complete (curl exits with 0). If the connection is lost, the server fails, or you fall behind, the body is cut off (curl exits with 18). Reconnect with your cursor unless you got \`closed\`. HTTP/1.0 cannot tell the two apart.`,
        security: MEMBER,
        params: chatParams,
        headers: cursorHeaders,
        querystring: cursorQuery,
        response: {
          200: streamAnswer('The live stream of the chat.', chatEvents, CHAT_STREAM_EXAMPLE),
          ...problemResponses(
            'invalid-request',
            'user-id-required',
            'chat-not-found',
            'not-a-member',
            'too-many-streams',
            'too-many-own-streams'
          )
        }
      }
    },
    async (request, reply) => {
      const user = userOf(request)
      const { tag, you } = await service.authorizeStream(chatIdOf(request), user)
      const release = budget.take({ request, user })
      const connection = { base: request.base, isChunked: takesChunks(request), cursor: cursorOf(request) }
      const reader = { user, isOwner: you === 'owner', ...connection }
      openEventStream(request, reply, (socket) => hub.openChatStream(socket, tag, reader), release)
    }
  )

  app.patch(
    '/v1/chats/:chat',
    {
      onRequest: limits.on('decide'),
      preValidation: requireUserId,
      schema: {
        operationId: 'changeChat',
        tags: ['chats'],
        summary: 'Change the title, your name, or who can create links',
        description:
          'For the owner. A member that is left out stays as it is. All members are told of a new title or name with the event `chat`; a change of `invites` alone, or of nothing, sends no event.',
        security: OWNER,
        params: chatParams,
        body: changeChatBody,
        response: {
          200: answer('All three, as they are now.', ownProfile, { example: PROFILE_EXAMPLE }),
          ...problemResponses(...BODY_PROBLEMS, 'user-id-required', 'chat-not-found', 'not-the-owner')
        }
      }
    },
    async (request) => {
      const { title, name: ownerName, invites } = request.body
      return ownProfileView(
        await service.changeProfile(chatIdOf(request), userOf(request), { title, ownerName, invites })
      )
    }
  )

  app.get(
    '/v1/chats/:chat/members',
    {
      onRequest: limits.on('read'),
      preValidation: requireUserId,
      schema: {
        operationId: 'listMembers',
        tags: ['chats'],
        summary: 'List the members of the chat',
        description:
          'For members: who is in the chat. `from` is the same as that of messages, so this list has the names of those who post.',
        security: MEMBER,
        params: chatParams,
        querystring: membersQuery,
        response: {
          200: answer('The members.', members, { example: MEMBERS_EXAMPLE }),
          ...problemResponses('invalid-request', 'user-id-required', 'chat-not-found', 'not-a-member')
        }
      }
    },
    async (request) => {
      const found = await service.members(chatIdOf(request), userOf(request), request.query.all === 'true')
      return { members: found.members.map(memberView), last_event_id: found.lastEventId }
    }
  )

  app.delete(
    '/v1/chats/:chat',
    {
      onRequest: limits.on('decide'),
      preValidation: requireUserId,
      schema: {
        operationId: 'closeChat',
        tags: ['chats'],
        summary: 'Close the chat',
        description:
          'For the owner. Every stream gets `closed` and ends. The chat, its messages and its links are deleted; afterwards they are 404. Send the user id in the Authorization header.',
        security: OWNER,
        params: chatParams,
        response: {
          204: emptyAnswer('The chat is closed and deleted.'),
          ...problemResponses(...READING_PROBLEMS, 'user-id-required', 'chat-not-found', 'not-the-owner', 'not-stored')
        }
      }
    },
    async (request, reply) => {
      await service.closeChat(chatIdOf(request), userOf(request))
      return reply.code(204).send()
    }
  )

  app.get(
    '/v1/chats/:chat/links',
    {
      onRequest: limits.on('read'),
      preValidation: requireUserId,
      schema: {
        operationId: 'listLinks',
        tags: ['chats'],
        summary: 'List the links of the chat',
        description:
          'For the owner: the links of the chat, oldest first, with the number of pending and approved guests of each.',
        security: OWNER,
        params: chatParams,
        querystring: linksQuery,
        response: {
          200: answer('The links.', links, { example: LINKS_EXAMPLE }),
          ...problemResponses('invalid-request', 'user-id-required', 'chat-not-found', 'not-the-owner')
        }
      }
    },
    async (request) => {
      const counted = await service.links(chatIdOf(request), userOf(request))
      return { links: counted.map((one) => countedLinkView(request.base, one)) }
    }
  )

  app.get(
    '/v1/chats/:chat/join-requests',
    {
      onRequest: limits.on('read'),
      preValidation: requireUserId,
      schema: {
        operationId: 'listJoinRequests',
        tags: ['chats'],
        summary: 'List the join requests',
        description:
          'For the owner: who has asked to join, oldest first. `last` and `before` read backwards from the newest request.',
        security: OWNER,
        params: chatParams,
        querystring: joinRequestsQuery,
        response: {
          200: answer('The join requests.', joinRequests, { example: JOIN_REQUESTS_EXAMPLE }),
          ...problemResponses(
            'invalid-request',
            'user-id-required',
            'request-not-found',
            'chat-not-found',
            'not-the-owner'
          )
        }
      }
    },
    async (request) => {
      const { base, query } = request
      const { requests, lastEventId, hasOlder } = await service.joinRequests(chatIdOf(request), userOf(request), query)
      return {
        join_requests: requests.map((one) => joinRequestView(base, one)),
        last_event_id: lastEventId,
        ...(query.last !== undefined && { has_more: hasOlder })
      }
    }
  )

  done()
}

/** `GET /v1/chats/:chat` as it is sent. */
function historyPages(base: Base, { chat, you, profile, first, isWhole, rest, end }: ChatReading): JsonPages {
  let last = first
  async function* pages() {
    for await (const page of rest) {
      last = page
      yield [COMMA, ...page.json]
    }
  }
  const about = { chat: chatUrl(base, chat), you, title: profile.title, invites: invitesOf(profile) }
  return {
    start: `${toJson(about).slice(0, -1)},"messages":[`,
    first: first.json,
    rest: isWhole ? undefined : pages(),
    end: () => {
      const { lastEventId, hasMore } = end(last)
      return `],"last_event_id":${lastEventId},"has_more":${hasMore}}`
    }
  }
}

const COMMA = Buffer.from(',')
