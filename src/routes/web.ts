/** What people see who open an address in a browser. */
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { SendPage } from '../plugins/browsers.ts'

const STYLE = `
  :root { color-scheme: light dark; font: 1.05rem/1.6 system-ui, sans-serif; }
  body { max-width: 36rem; margin: 12vh auto; padding: 0 1.25rem; }
  h1 { font-size: 1.6rem; line-height: 1.2; }
  code { font-family: ui-monospace, monospace; font-size: 0.95em; }
  pre { padding: 0.9rem 1rem; border: 1px solid #8886; border-radius: 0.4rem; overflow-x: auto; }
`

/** The same for every address, so that it tells nothing of any. */
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Silly Chat</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Silly Chat</h1>
<p>A chat without accounts, whose owner decides who comes in. The address of a chat, or of an invitation to one, shows
this page in a browser and changes nothing: nobody was told that you looked, and nobody is let in by it alone.</p>
<p>This server is used from a terminal or a program. To ask for entry with an invitation, send its address with your
name and wait for the owner's approval:</p>
<pre><code>curl "<var>address</var>?name=Ana"</code></pre>
<p>Treat the address like a key: do not post it in public.</p>
</main>
</body>
</html>
`

const styleHash = createHash('sha256').update(STYLE).digest('base64')
const HEADERS = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-robots-tag': 'noindex, nofollow'
}

export const sendPage: SendPage = (reply) =>
  reply.code(200).headers(HEADERS).type('text/html; charset=utf-8').send(PAGE)

export function webRoutes(app: FastifyInstance): void {
  app.get('/', { schema: { hide: true } }, async (_request, reply) => sendPage(reply))
}
