/** The built server, in a process that ends with the test. */
import { expect, onTestFinished } from 'vitest'
import { UNDECLARED } from '../../src/http/response/error-handler.ts'
import { type ProcessOptions, type ServerProcess, startServerProcess } from './server-process.ts'

export type BuiltServer = ServerProcess

export async function startBuilt(options: ProcessOptions): Promise<BuiltServer> {
  const server = await startServerProcess(options)
  onTestFinished(async () => {
    await server.kill()
    // Every refusal must be declared in the OpenAPI document, in every test.
    expect(
      server
        .output()
        .split('\n')
        .filter((line) => line.includes(UNDECLARED))
    ).toEqual([])
  })
  return server
}
