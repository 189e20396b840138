/** A site of another origin than the server. */
import { createServer, type RequestListener } from 'node:http'
import { onTestFinished } from 'vitest'
import { listenOn } from '../kit/wire.ts'

/** Serves on a free port until the end of the test; returns the origin. */
export async function startSite(listener: RequestListener): Promise<string> {
  const site = createServer(listener)
  const port = await listenOn(site, 0)
  onTestFinished(() => void site.close())
  onTestFinished(() => site.closeAllConnections())
  return `http://localhost:${port}`
}
