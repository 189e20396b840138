/** What is loaded when it is first asked for. */
import Fastify from 'fastify'
import { expect, it, vi } from 'vitest'
import { addOnDemand } from '../../src/plugins/on-demand.ts'

function anApp(addRoutes: Parameters<typeof addOnDemand>[2]) {
  const app = Fastify({ routerOptions: { ignoreTrailingSlash: true } })
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'x-outer': 'outer', 'x-both': 'outer' })
  })
  addOnDemand(app, ['/manual', '/manual/*'], addRoutes)
  return app
}

const addPage: Parameters<typeof addOnDemand>[2] = async (inner) => {
  inner.get('/manual', async (_request, reply) => reply.header('x-both', 'inner').send('the page'))
}

it('is loaded at the first request and only then, once for all who ask', async () => {
  const addRoutes = vi.fn(addPage)
  const app = anApp(addRoutes)
  await app.ready()
  expect(addRoutes).not.toHaveBeenCalled()
  const answers = await Promise.all([app.inject('/manual'), app.inject('/manual/'), app.inject('/manual?a=1')])
  expect(answers.map(({ statusCode, body }) => [statusCode, body])).toEqual(Array(3).fill([200, 'the page']))
  expect(addRoutes).toHaveBeenCalledTimes(1)
})

it('answers with the headers of both applications, and the inner one wins', async () => {
  const { headers } = await anApp(addPage).inject('/manual')
  expect(headers).toMatchObject({ 'x-outer': 'outer', 'x-both': 'inner' })
})

it('has HEAD, and problems for what it does not have', async () => {
  const app = anApp(addPage)
  const head = await app.inject({ method: 'HEAD', url: '/manual' })
  expect([head.statusCode, head.body]).toEqual([200, ''])
  const missing = await app.inject('/manual/elsewhere')
  expect([missing.statusCode, missing.json().type]).toEqual([404, 'urn:silly-chat:not-found'])
  expect(missing.headers['x-outer']).toBe('outer')
})

it('is loaded again where that has failed', async () => {
  const addRoutes = vi.fn(addPage).mockRejectedValueOnce(new Error('too many open files'))
  const app = anApp(addRoutes)
  expect((await app.inject('/manual')).statusCode).toBe(500)
  expect((await app.inject('/manual')).body).toBe('the page')
})
