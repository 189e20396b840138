/** A message as older versions stored it, with unescaped line breaks and without a sender. */
import type { LoggedEvent } from '../../src/chat/events.ts'

export const RAW_TEXT = 'one\u2028two\u2029three\u0085four “five” \\u2028'

export const rawJson = (id: number): string =>
  JSON.stringify({ id, text: RAW_TEXT, created_at: '2026-11-22T12:00:00.000Z' })

/** The same message as it is sent. */
export const sentJson = (id: number): string =>
  rawJson(id)
    .replace('}', ',"from":null}')
    .replace('\u2028', '\\u2028')
    .replace('\u2029', '\\u2029')
    .replace('\u0085', '\\u0085')

export const sentEvent = (id: number): LoggedEvent => ({ type: 'message', id, json: sentJson(id) })
