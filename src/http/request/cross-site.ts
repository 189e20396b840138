/**
 * Refuses requests that a foreign page makes its visitors' browsers send without being able to read the answer: an image, a
 * script or a `no-cors` fetch with a link as its URL must not knock, nor create a chat. Browsers send these headers to
 * https and localhost only (Fetch Metadata Request Headers, https://www.w3.org/TR/fetch-metadata/).
 */
import fp from 'fastify-plugin'
import { Problem } from '../../wire/problems.ts'
import { normalizeTarget, splitTarget } from './request-target.ts'

/** What pages fetch to read, and what people navigate to. */
const HARMLESS = new Set<unknown>([undefined, 'empty', 'document'])

export const crossSite = fp(
  (app, _options, done) => {
    app.addHook('onRequest', ({ headers, originalUrl }, _reply, next) => {
      const isForeign = headers['sec-fetch-mode'] === 'no-cors' || !HARMLESS.has(headers['sec-fetch-dest'])
      // The original target, because that of a page has been rewritten.
      if (isForeign && /^\/(?:v1|i)\//.test(splitTarget(normalizeTarget(originalUrl)).path))
        throw new Problem('cross-site')
      next()
    })
    done()
  },
  { name: 'cross-site', dependencies: ['known-paths'] }
)
