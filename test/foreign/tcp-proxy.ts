/** The faulty wire of `test/kit`, closed with the test. */
import { onTestFinished } from 'vitest'
import { listenOn as listen, openWire, type Wire } from '../kit/wire.ts'

export const listenOn = listen

/** `mark` is called with what a client sends: whether the connection is marked from now on. */
export async function startTcpProxy(
  target: number,
  mark: (sent: Buffer) => boolean | undefined = () => undefined
): Promise<Wire> {
  const wire = await openWire(target, { mark })
  onTestFinished(wire.close)
  return wire
}
