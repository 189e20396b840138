/** What the operator is told if a server cannot listen. The program's whole message: test/long/start-up.test.ts. */
import { describe, expect, it } from 'vitest'
import { listenAt, SettingRefused } from '../../../src/http/server/listen.ts'

const BLAME = { host: 'HOST', port: 'PORT' } as const

/** Fails as `listen` of Node does. */
function failure(code: string): Error {
  return Object.assign(new Error(`listen ${code}`), { code })
}

function refusedAt(host: string, code: string): Promise<unknown> {
  return listenAt({ host, port: 80 }, BLAME, () => Promise.reject(failure(code))).catch((error: unknown) => error)
}

describe('a server that cannot listen', () => {
  it.each([
    ['192.0.2.1', 'EADDRINUSE', 'PORT', 'another program listens on 192.0.2.1:80 already. Choose another port'],
    ['2001:db8::1', 'EADDRINUSE', 'PORT', 'another program listens on [2001:db8::1]:80 already. Choose another port'],
    ['2001:db8::1', 'EACCES', 'PORT', 'this user must not listen on [2001:db8::1]:80. Choose a port above 1023'],
    ['192.0.2.1', 'EADDRNOTAVAIL', 'HOST', '192.0.2.1 is no address of this machine'],
    ['2001:db8::1', 'EAFNOSUPPORT', 'HOST', '2001:db8::1 is no address of this machine'],
    ['2001:db8::1', 'EINVAL', 'HOST', '2001:db8::1 is no address of this machine']
  ])('at %s because of %s blames %s', async (host, code, setting, why) => {
    const error = await refusedAt(host, code)
    expect(error).toBeInstanceOf(SettingRefused)
    expect(error).toMatchObject({ setting, message: `cannot be used: ${why}`, cause: { code } })
  })

  it('for any other reason blames no setting', async () => {
    const error = await refusedAt('::1', 'EMFILE')
    expect(error).toMatchObject({ message: 'listen EMFILE', code: 'EMFILE' })
    expect(error).not.toBeInstanceOf(SettingRefused)
  })
})

it.each(['127.0.0.1', '::1'])('a server listens on %s as it is', async (host) => {
  expect(await listenAt({ host, port: 80 }, BLAME, async (address) => address)).toEqual({ host, port: 80 })
})
