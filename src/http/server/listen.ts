/** What keeps a server from listening, as a sentence that names the setting to blame. */
import { lookup } from 'node:dns/promises'
import { isIPv6 } from 'node:net'
import type { Setting } from '../../cli/settings.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** A setting that is spelled well and cannot be used. Its message goes on where the setting's name has been said. */
export class SettingRefused extends Error {
  override readonly name = 'SettingRefused'
  readonly setting: Setting

  constructor(setting: Setting, message: string, options?: ErrorOptions) {
    super(message, options)
    this.setting = setting
  }
}

/** The settings that an address comes from; they may be one. */
interface Blame {
  readonly host: Setting
  readonly port: Setting
}

/**
 * Has a server listen at the first address of the host: otherwise Fastify listens at every address of `localhost`, with
 * servers of its own that know no orderly end.
 * @throws SettingRefused
 */
export async function listenAt<Result>(
  { host, port }: Address,
  blame: Blame,
  listen: (address: Address) => Promise<Result>
): Promise<Result> {
  try {
    const { address } = await lookup(host)
    return await listen({ host: address, port })
  } catch (cause) {
    const why = reasonOf(cause, host, port)
    if (why === undefined) throw cause
    throw new SettingRefused(blame[why.of], why.message, { cause })
  }
}

function reasonOf(error: unknown, host: string, port: number): { of: 'host' | 'port'; message: string } | undefined {
  const code = error instanceof Error && 'code' in error ? `${error.code}` : ''
  const shown = `${isIPv6(host) ? `[${host}]` : host}:${port}`
  switch (code) {
    case 'EADDRINUSE':
      return { of: 'port', message: `cannot be used: another program listens on ${shown} already. Choose another port` }
    case 'EACCES':
      return { of: 'port', message: `cannot be used: this user must not listen on ${shown}. Choose a port above 1023` }
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
      return { of: 'host', message: `cannot be used: ${host} is no address of this machine` }
    case 'EAI_AGAIN':
    case 'ENODATA':
    case 'ENOTFOUND':
    case 'EAI_FAIL':
      return { of: 'host', message: `cannot be used: the address of ${host} was not found (${code})` }
    default:
      return undefined
  }
}
