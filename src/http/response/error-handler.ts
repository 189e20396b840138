/** Turns every error of a request, including Fastify's own, into its answer: RFC 9457 problem details. */
import type { FastifyError } from 'fastify'
import fp from 'fastify-plugin'
import { Refused } from '../../chat/refusals.ts'
import { StoreUnavailable } from '../../chat/store.ts'
import { Problem, type ProblemKind } from '../../wire/problems.ts'
import { declaredProblems, PROBLEM_JSON } from '../../wire/schemas/problems.ts'
import { addVary, wantsNotFoundPage } from '../request/page-requests.ts'
import { refusalProblem } from './refusal-problem.ts'

/** Fastify's own refusals. Its texts can quote the URL, so they are never sent. */
const PROBLEM_BY_FASTIFY_CODE: Readonly<Record<string, ProblemKind>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed-request',
  FST_ERR_CTP_INVALID_JSON_BODY: 'broken-json'
}

/** What a browser gets at an unknown address. It is the same for every address, so that it quotes none. */
export interface NotFoundPage {
  readonly html: string
  readonly headers: Readonly<Record<string, string>>
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly notFoundPage: NotFoundPage
  }
}

/** Logged for a problem that the OpenAPI document lacks. The tests fail on this line. */
export const UNDECLARED = 'a problem that its route does not declare'

export const problems = fp<{ readonly notFoundPage: NotFoundPage }>(
  (app, { notFoundPage }, done) => {
    app.decorate('notFoundPage', notFoundPage)
    app.setErrorHandler<FastifyError>((error, request, reply) => {
      const problem = toProblem(error, request.method)
      const { url: route, schema } = request.routeOptions
      if (declaredProblems(schema?.response)?.has(problem.kind) === false) {
        request.log.error({ method: request.method, route, kind: problem.kind }, UNDECLARED)
      }
      if (problem.status === 500) request.log.error({ err: error }, 'a fault of the server')
      if (error instanceof StoreUnavailable) request.log.error({ err: error }, 'the store could not do its work')
      // Fastify closes the connection when it refuses a body, and a client that is still sending would lose the answer to a
      // reset. node:http discards the rest of the body instead, for at most `requestTimeout`.
      if (reply.raw.shouldKeepAlive && reply.hasHeader('connection')) reply.header('connection', 'keep-alive')
      if (problem.kind === 'not-found') {
        addVary(reply)
        if (wantsNotFoundPage(request)) {
          return reply.code(404).headers(notFoundPage.headers).type('text/html; charset=utf-8').send(notFoundPage.html)
        }
      }
      return reply.code(problem.status).headers(problem.headers).type(PROBLEM_JSON).send(Buffer.from(problem.body))
    })
    app.setNotFoundHandler(() => {
      throw new Problem('not-found')
    })
    done()
  },
  { name: 'problems' }
)

function toProblem(error: FastifyError, method: string): Problem {
  if (error instanceof Problem) return error
  if (error instanceof Refused) return refusalProblem(error.refusal)
  if (error instanceof StoreUnavailable) return new Problem(error.why === 'full' ? 'store-full' : 'store-unreachable')
  const kind = PROBLEM_BY_FASTIFY_CODE[error.code]
  if (kind !== undefined) return new Problem(kind)
  if ((error.statusCode ?? 500) >= 500) return new Problem('internal-error')
  // Of a GET: a path that @fastify/static refuses. Otherwise: a body that is incomplete or that node:http cannot parse.
  return new Problem(method === 'GET' || method === 'HEAD' ? 'not-found' : 'malformed-request')
}
