/** Serves the OpenAPI document and Swagger UI, which the build makes. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import staticFiles from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { toJson } from '../../wire/json.ts'
import { addPageHeaders, type Policy } from '../response/security-headers.ts'

/** The output of the build; the relative path is right from `src` and from `dist`. */
const BUILT = fileURLToPath(new URL('../../../dist/docs/', import.meta.url))
const require = createRequire(import.meta.url)
const SWAGGER_UI = join(dirname(require.resolve('@fastify/swagger-ui')), 'static')

/** The only files that are served from these two folders. */
const FILES = new Set(['/icon.svg', '/initializer.js', '/style.css', '/swagger-ui.css', '/swagger-ui-bundle.js'])

/** Swagger UI has icons in its styles, and one inline style element. */
const POLICY: Policy = {
  'script-src': ["'self'"],
  'style-src': ["'self'", "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='"],
  'img-src': ["'self'", 'data:']
}

export interface DocsOptions {
  readonly version: string
  readonly publicUrl: string | undefined
}

/** @throws Error if they were not built */
export async function addDocs(app: FastifyInstance, { version, publicUrl }: DocsOptions): Promise<void> {
  const page = readBuilt('index.html')
  const json = readDocument('openapi.json', version, publicUrl)
  const yaml = readDocument('openapi.yaml', version, publicUrl)

  await app.register(async (docs) => {
    const own = publicUrl === undefined ? [] : [new URL(publicUrl).origin]
    await addPageHeaders(docs, { ...POLICY, 'connect-src': ["'self'", ...own] })
    // Relative URLs work under any path prefix. What they are relative to depends on the trailing slash.
    docs.get('/docs', async ({ originalUrl }, reply) => {
      const files = /^[^?]*\/(?:\?|$)/.test(originalUrl) ? 'static' : 'docs/static'
      return reply.type('text/html; charset=utf-8').send(page.replaceAll('__STATIC__', files))
    })
    for (const path of ['/openapi.json', '/docs/json']) {
      docs.get(path, async (_request, reply) => reply.type('application/json; charset=utf-8').send(json))
    }
    for (const path of ['/openapi.yaml', '/docs/yaml']) {
      docs.get(path, async (_request, reply) => reply.type('application/yaml; charset=utf-8').send(yaml))
    }
    await docs.register(staticFiles, {
      root: [BUILT, SWAGGER_UI],
      prefix: '/docs/static/',
      allowedPath: (path) => FILES.has(path),
      decorateReply: false,
      index: false
    })
  })
}

/**
 * The document with the version and the URL of this server, as JSON strings, which are valid in YAML too. Without
 * `PUBLIC_URL`, `/` means the server that the document was fetched from.
 */
function readDocument(name: string, version: string, publicUrl = '/'): string {
  return readBuilt(name)
    .replace(/"?__VERSION__"?/, () => toJson(version))
    .replace(/"?__SERVER__"?/, () => toJson(publicUrl))
}

function readBuilt(name: string): string {
  try {
    return readFileSync(join(BUILT, name), 'utf8')
  } catch (cause) {
    throw new Error('the documentation is not built: npm run build', { cause })
  }
}
