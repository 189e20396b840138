/** Turns the reason why a server cannot listen into a sentence about the setting that causes it. */
import { lookup } from 'node:dns/promises'
import { isIPv6 } from 'node:net'
import type { Setting } from '../../cli/settings.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** A setting that is valid but cannot be used here. Its message continues a sentence that begins with the setting's name. */
export class SettingRefused extends Error {
  override readonly name = 'SettingRefused'
  readonly setting: Setting

  constructor(setting: Setting, message: string, options?: ErrorOptions) {
    super(message, options)
    this.setting = setting
  }
}

/** The settings that host and port come from; they can be the same one. */
interface Blame {
  readonly host: Setting
  readonly port: Setting
}

/**
 * Makes a server listen on the first address of the host. Otherwise Fastify listens on every address of `localhost`, with
 * additional servers that it does not close in order.
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
