/** `/v1/approval`: check whether a request is approved; approve or decline it. */
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Service } from '../../chat/service.ts'
import { answer, GUEST_OR_ANYBODY, OWNER } from '../../wire/schemas/answers.ts'
import { approval, approvalQuery, approvalStatus, approveBody, decidedAll } from '../../wire/schemas/approval.ts'
import { EXAMPLE } from '../../wire/schemas/common.ts'
import { BODY_PROBLEMS, problemResponses } from '../../wire/schemas/problems.ts'
import { decidedAllView, decisionView } from '../../wire/views.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { existing } from '../request/ids.ts'
import { allowUserId, requireUserId, userOf } from '../request/user-id.ts'

export interface ApprovalRoutesOptions {
  readonly service: Service
  readonly limits: RateLimits
}

export const approvalRoutes: FastifyPluginCallbackZod<ApprovalRoutesOptions> = (app, { service, limits }, done) => {
  app.get(
    '/v1/approval',
    {
      onRequest: limits.on('read'),
      preValidation: allowUserId,
      schema: {
        operationId: 'getApproval',
        tags: ['approval'],
        summary: 'Is this link approved?',
        description:
          "With a `request_id`, or with the guest's user id: whether that join request is approved. Without either, or with the owner's id: whether at least one join request at this link is approved and none is pending. The guest should send the user id, because the answer for the link becomes false again when somebody else asks to join.",
        security: GUEST_OR_ANYBODY,
        querystring: approvalQuery,
        response: {
          200: answer('Whether it is approved.', approvalStatus, { example: { approval_status: true } }),
          ...problemResponses(
            'invalid-request',
            'user-id-required',
            'link-not-found',
            'request-not-found',
            'not-this-guest'
          )
        }
      }
    },
    async ({ query, user }) => ({
      approval_status: await service.approvalStatus(existing(query.link.id, 'link-not-found'), user, query.request_id)
    })
  )

  app.post(
    '/v1/approval',
    {
      onRequest: limits.on('decide'),
      preValidation: requireUserId,
      schema: {
        operationId: 'approve',
        tags: ['approval'],
        summary: 'Approve or decline a join request',
        description:
          "For the owner. Without a `request_id`, this decides on the link's only pending request or, if none is pending, on its only approved one. With `approval_status: false` it declines a pending request or, with a `request_id`, removes a guest who was approved. Once the call returns, that guest can no longer read or post, and their streams get `closed`. A declined request can be approved while its link is open. Repeating a decision gives the same answer. With `all`, it decides on everybody who waits at the link, in one step. A decline can bring the guest a `note`, and with `block` it keeps the guest's network from asking again for a day, even if the request has already been declined or withdrawn.",
        security: OWNER,
        body: approveBody,
        response: {
          200: answer('The decision is recorded and the guest has been notified.', z.union([approval, decidedAll]), {
            example: APPROVAL_EXAMPLE
          }),
          ...problemResponses(
            ...BODY_PROBLEMS,
            'user-id-required',
            'link-not-found',
            'request-not-found',
            'not-the-owner',
            'nobody-asked',
            'request-closed',
            'network-unknown',
            'several-requests',
            'link-full',
            'not-stored'
          )
        }
      }
    },
    async (request) => {
      const { request_id, approval_status, all, note, block } = request.body
      const link = existing(request.body.link.id, 'link-not-found')
      const verdict = approval_status === false ? 'decline' : 'approve'
      if (all === true) {
        const decided = await service.decideOnAll(link, userOf(request), verdict, note || undefined)
        return decidedAllView(request.base, link, verdict, decided)
      }
      const how = { note: note || undefined, block }
      return decisionView(request.base, await service.decide(link, userOf(request), request_id, verdict, how))
    }
  )

  done()
}

const APPROVAL_EXAMPLE = {
  approval_status: true,
  state: 'approved' as const,
  link: EXAMPLE.link,
  request_id: EXAMPLE.requestId,
  decided_at: EXAMPLE.time
}
