/** `npm run openapi`: writes openapi.json. */
import { writeFile } from 'node:fs/promises'
import { buildDocument } from './document.ts'

await writeFile(new URL('openapi.json', import.meta.url), await buildDocument())
