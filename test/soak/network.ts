/** The fetch of the soak's actors: streams come back at once instead of after the seconds that the server asks for. */

const RETRY = 'retry: 20\n'

/** `onStream` is called for every connection that a stream takes. */
export function hastyFetch(onStream: () => void): typeof fetch {
  let hasConnected = false
  return async (input, init) => {
    if (!/\/events(\?|$)/.test(`${input}`)) return fetch(input, init)
    onStream()
    try {
      const response = await fetch(input, init)
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response
      hasConnected = true
      return new Response(response.body?.pipeThrough(hurry()) ?? null, response)
    } catch (error) {
      // The client waits for seconds until a first stream has told it how long to wait: tell it so.
      if (hasConnected || !(error instanceof TypeError)) throw error
      return new Response(`${RETRY}\n`, { headers: { 'content-type': 'text/event-stream' } })
    }
  }
}

/** Puts another time to wait into the stream, wherever in that line the proxy has split it; the rest passes as it is. */
function hurry(): TransformStream<Uint8Array, Uint8Array> {
  let held: string | undefined = ''
  return new TransformStream({
    start: (controller) => controller.enqueue(Buffer.from(`${RETRY}\n`)),
    transform(chunk, controller) {
      if (held === undefined) {
        controller.enqueue(chunk)
        return
      }
      held += Buffer.from(chunk).toString('latin1')
      const hurried = held.replace(/^retry: ?\d+\n/m, RETRY)
      if (!/^retry: ?\d+\n/m.test(held)) return
      controller.enqueue(Buffer.from(hurried, 'latin1'))
      held = undefined
    }
  })
}
