/** Python programs that read a stream line by line, with the two most common HTTP libraries. */
import { describe, expect, it } from 'vitest'
import { pythonWith } from '../../support/real-parts.ts'
import { eventsIn, startReader } from '../curl.ts'
import { followAcrossKill, startKillable, TEXTS } from '../killed.ts'

/** Prints every line of the stream, and CUT or END when it has broken or ended. Reconnects after a cut with the last id. */
const REQUESTS = `
import requests, sys, time
url, user = sys.argv[1:]
headers = {'Authorization': 'Bearer ' + user}
while True:
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(5, 60)) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines(decode_unicode=True):
                if line.startswith('id: '):
                    headers['Last-Event-ID'] = line[4:]
                print(line, flush=True)
            print('END', flush=True)
            break
    except requests.exceptions.ChunkedEncodingError:
        print('CUT', flush=True)
    except requests.exceptions.ConnectionError:
        time.sleep(0.1)
`

const HTTPX = `
import httpx, sys, time
url, user = sys.argv[1:]
headers = {'Authorization': 'Bearer ' + user}
while True:
    try:
        with httpx.stream('GET', url, headers=headers, timeout=60) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                line = line.rstrip('\\n')
                if line.startswith('id: '):
                    headers['Last-Event-ID'] = line[4:]
                print(line, flush=True)
            print('END', flush=True)
            break
    except httpx.RemoteProtocolError:
        print('CUT', flush=True)
    except httpx.ConnectError:
        time.sleep(0.1)
`

const python = pythonWith('requests', 'httpx')

describe.skipIf(python === undefined)('Python', () => {
  it.each([
    ['requests', REQUESTS],
    ['httpx', HTTPX]
  ])(
    'with %s receives every event once, and at once, even if the server is killed, and distinguishes an end from a cut',
    async (_library, program) => {
      const scene = await startKillable()
      const reader = startReader(python ?? '', ['-u', '-', `${scene.chat}/events`, scene.owner], program)
      await reader.shows('event: ready')
      await followAcrossKill(scene, {
        sees: (text) => reader.shows(`"text":"${text}"`),
        isCut: () => reader.shows(/^CUT$/m),
        isOver: () => reader.shows(/^END$/m)
      })
      expect(await reader.exit).toBe(0)
      const [before = '', after = '', ...more] = reader.output().split(/^CUT$\n/m)
      expect(more).toEqual([])
      expect(eventsIn(before)).toEqual([
        ['ready', '0'],
        ['message', '1'],
        ['message', '2']
      ])
      expect(eventsIn(after).filter(([name]) => name !== 'ready')).toEqual([
        ['message', '3'],
        ['message', '4'],
        ['closed', undefined]
      ])
      expect([...reader.output().matchAll(/"text":"([^"]+)"/g)].map(([, text]) => text)).toEqual([...TEXTS])
    },
    90_000
  )
})
