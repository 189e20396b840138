/** Readers that treat more characters as line breaks than HTTP and JSON do: Python's `str.splitlines`, and httpx. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { createChat, post } from '../support/api.ts'
import { pythonWith } from '../support/real-parts.ts'
import { startServer } from '../support/server.ts'

const python = pythonWith('httpx')

/** Prints as JSON the texts of the body, and those of the stream up to `ready` by two readers. */
const READER = `
import httpx, json, sys, urllib.request
chat, user = sys.argv[1:]
headers = {'Authorization': 'Bearer ' + user, 'Last-Event-ID': '0'}

def texts(lines):
    found, event = [], ''
    for line in lines:
        name, _, value = line.rstrip('\\n').partition(': ')
        if name not in ('id', 'event', 'data', 'retry', ':', ''): raise ValueError('not a line of a stream: ' + ascii(line))
        if name == 'event': event = value
        if name == 'data' and event == 'message': found.append(json.loads(value)['text'])
        if name == 'data' and event == 'ready': break
    return found

def ask(path=''):
    return urllib.request.urlopen(urllib.request.Request(chat + path, headers=headers))

body = ask().read().decode().splitlines()
if len(body) != 1: raise ValueError('the body has %d lines' % len(body))

stream, sent = ask('/events'), b''
while b'event: ready' not in sent: sent += stream.read1()

with httpx.stream('GET', chat + '/events', headers=headers) as answer:
    by_httpx = texts(answer.iter_lines())
print(json.dumps([[message['text'] for message in json.loads(body[0])['messages']],
    texts(sent.decode().splitlines()), by_httpx]))
`

it.skipIf(python === undefined)(
  'readers that treat many characters as line breaks receive every text as posted',
  async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const sent = [
      '\u2028',
      'a\u2029b',
      '\u0085c',
      '\v\f\u001c\u001d\u001e',
      'one\r\ntwo',
      '\\u2028 “quoted” …',
      'data: {}\u2028id: 9'
    ]
    for (const text of sent) await post(chat, owner, text)
    const { stdout } = await promisify(execFile)(python ?? '', ['-c', READER, chat, owner])
    expect(z.array(z.array(z.string())).parse(JSON.parse(stdout))).toEqual([sent, sent, sent])
  }
)
