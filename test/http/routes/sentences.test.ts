/** Messages about invalid input are our own, never those of the validation library. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { call, createChat, createLink } from '../../support/api.ts'
import { startServer } from '../../support/server.ts'

/** Other tests show that the server uses the same schemas. */
const OPENAPI = new URL('../../../openapi/openapi.json', import.meta.url)

const document = z.object({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        parameters: z
          .array(z.object({ name: z.string(), in: z.string(), required: z.boolean().optional() }))
          .default([]),
        requestBody: z
          .object({
            content: z.object({
              'application/json': z.object({
                schema: z.object({
                  properties: z.record(z.string(), z.unknown()),
                  required: z.array(z.string()).default([])
                })
              })
            })
          })
          .optional()
      })
    )
  )
})

const problem = z.object({
  detail: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional()
})

const WRONG = [null, 7, true, ['x'], {}, '', 'x', '\ud800', 'x'.repeat(5000)]

/** Typical messages of a validation library, and fallbacks that do not help. */
const NOT_OURS =
  /invalid|expected|received|too (small|big)|unrecognized|undefined|null|NaN|cannot be used here|\.\.\.|localhost/i
const SENTENCE = /^[A-Z`].*[.?]$/s

async function readProblem(answer: Response) {
  const { detail, errors = [] } = problem.parse(await answer.json())
  return { sentences: [detail, ...errors.map(({ message }) => message)], errors }
}

function expectOurs(sentences: readonly string[]) {
  for (const sentence of sentences) {
    expect(sentence).toMatch(SENTENCE)
    expect(sentence).not.toMatch(NOT_OURS)
  }
}

async function everyInput() {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const right: Record<string, unknown> = { chat, link, text: 'x' }
  const { paths } = document.parse(JSON.parse(readFileSync(OPENAPI, 'utf8')))
  const operations = Object.entries(paths).flatMap(([path, methods]) => {
    const url = path
      .replace('/v1/chats/{chat}', chat)
      .replace('/v1/links/{link}', link)
      .replace(/^\//, `${server.url}/`)
    return Object.entries(methods).map(([method, operation]) => {
      const { properties = {}, required = [] } = operation.requestBody?.content['application/json'].schema ?? {}
      const query = operation.parameters.filter((one) => one.in === 'query')
      return { name: `${method} ${path}`, method, url, properties, required, query }
    })
  })
  return { owner, right, operations }
}

describe('every message about invalid input is our own', () => {
  it('for every member of every body', async () => {
    const { owner, right, operations } = await everyInput()
    const seen = new Set<string>()
    for (const { method, url, properties, required } of operations.filter((one) => one.method === 'post')) {
      const valid = Object.fromEntries(required.map((name) => [name, right[name]]))
      const inputs = Object.keys(properties).flatMap((name) => WRONG.map((value) => ({ ...valid, [name]: value })))
      for (const json of [...inputs, ...WRONG.filter((value) => value !== null && typeof value !== 'object')]) {
        const answer = await call(`${method.toUpperCase()} ${url}`, { user: owner, json })
        if (answer.status !== 400) continue
        const { sentences, errors } = await readProblem(answer)
        expectOurs(sentences)
        for (const { path } of errors) seen.add(path)
      }
    }
    expect([...seen].sort()).toEqual([
      '',
      'all',
      'approval_status',
      'block',
      'chat',
      'expires_in',
      'link',
      'max_guests',
      'name',
      'note',
      'request_id',
      'sealed',
      'text',
      'title'
    ])
  })

  it('for every parameter of every query', async () => {
    const { owner, right, operations } = await everyInput()
    const values = ['null', '70000', '-1.5', 'x', '\0', 'x'.repeat(5000)].map((value) => [value]).concat([['1', '2']])
    const urls = operations
      .filter(({ method }) => method === 'get')
      .flatMap(({ url, query }) =>
        query.flatMap(({ name }) =>
          // A single value of a stream's parameter is always valid and would open a stream.
          values
            .filter(({ length }) => length > 1 || !url.endsWith('/events'))
            .map((some) => {
              const sent = new URLSearchParams(some.map((value): [string, string] => [name, value]))
              for (const { name: other, required } of query) {
                if (required && other !== name) sent.set(other, `${right[other]}`)
              }
              return `${url}?${sent}`
            })
        )
      )
    const seen = new Set<string>()
    for (const url of urls) {
      const answer = await call(url, { user: owner })
      if (answer.status !== 400) {
        await answer.body?.cancel()
        continue
      }
      const { sentences, errors } = await readProblem(answer)
      expectOurs(sentences)
      for (const { path } of errors) seen.add(path)
    }
    expect([...seen]).toEqual(
      expect.arrayContaining([
        'after',
        'limit',
        'wait',
        'last',
        'before',
        'state',
        'name',
        'link',
        'request_id',
        'last_event_id'
      ])
    )
  })
})

describe('a required member that is missing', () => {
  it('is named in every body and query, also if there is no body', async () => {
    const { owner, right, operations } = await everyInput()
    const seen: string[] = []
    for (const { method, url, required, query } of operations) {
      const needed = [...required, ...query.filter((one) => one.required).map(({ name }) => name)]
      for (const name of needed) {
        const rest = Object.fromEntries(needed.filter((one) => one !== name).map((one) => [one, right[one]]))
        const answers =
          method === 'get'
            ? [await call(url)]
            : [await call(url, { user: owner, json: rest }), await call(`POST ${url}`, { user: owner })]
        for (const answer of answers) {
          const { errors } = await readProblem(answer)
          expect(answer.status).toBe(400)
          expect(errors.find(({ path }) => path === name)?.message).toMatch(`\`${name}\` is required: `)
        }
        seen.push(`${method} ${name}`)
      }
    }
    expect(seen.sort()).toEqual(['get link', 'post chat', 'post link', 'post sealed', 'post text'])
  })

  it('has a message that says what it must be', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const messages = async (answer: Response) => (await readProblem(answer)).errors.map(({ message }) => message)
    expect(await messages(await call(chat, { user: owner, json: {} }))).toEqual([
      '`text` is required: a string of 1 to 4,000 characters.'
    ])
    expect(await messages(await call(chat, { user: owner, json: null }))).toEqual(['Send a JSON object with `text`.'])
    expect(await messages(await call(`${server.url}/v1/approval`))).toEqual([
      '`link` is required: the whole URL of a link, which starts with http:// or https:// and contains /i/ or /v1/links/.'
    ])
    expect(await messages(await call(`${server.url}/v1/approval?link=${chat}`))).toEqual([
      'This is the URL of a chat. Send the whole URL of a link, which starts with http:// or https:// and contains /i/ or /v1/links/.'
    ])
  })
})
