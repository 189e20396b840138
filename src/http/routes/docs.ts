/** The OpenAPI document, and Swagger UI, in which it can be read and tried out. The build makes both. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import staticFiles from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { toJson } from '../../wire/json.ts'
import { addPageHeaders, type Policy } from '../response/security-headers.ts'

/** Where the build puts the page and the document, seen from `src` and from `dist`. */
const BUILT = fileURLToPath(new URL('../../../dist/docs/', import.meta.url))
const require = createRequire(import.meta.url)
const SWAGGER_UI = join(dirname(require.resolve('@fastify/swagger-ui')), 'static')

/** The only files of these two folders that are served. */
const FILES = new Set(['/icon.svg', '/initializer.js', '/style.css', '/swagger-ui.css', '/swagger-ui-bundle.js'])

/** Swagger UI has icons in its styles, and one style element of its own. */
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
    // Relative, so that it works under any path; what it is relative to depends on the slash at the end.
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
 * The document as it was built, for this server: a string in JSON is one in YAML. Without `PUBLIC_URL` it means the
 * server that it was fetched from.
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
