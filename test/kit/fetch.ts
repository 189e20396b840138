/** The `fetch` of actors: it chooses the server of each request, and lets streams reconnect at once. */

const RETRY = 'retry: 20\n'

/** Sends each request to the server whose base `place` returns. `counted` counts the connections of streams. */
export function fetchAt(place: () => string, counted: { connections: number } = { connections: 0 }): typeof fetch {
  let hasConnected = false
  return async (input, init) => {
    const url = `${input}`.replace(/^http:\/\/[^/]+/, place())
    if (!/\/events(\?|$)/.test(url)) return fetch(url, init)
    counted.connections++
    try {
      const response = await fetch(url, init)
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response
      hasConnected = true
      return new Response(response.body?.pipeThrough(hurry()) ?? null, response)
    } catch (error) {
      // Until a first stream has named a reconnection time the client waits for seconds, so it gets such a stream.
      if (hasConnected || !(error instanceof TypeError)) throw error
      return new Response(`${RETRY}\n`, { headers: { 'content-type': 'text/event-stream' } })
    }
  }
}

/** Replaces the reconnection time of the stream, even if that line is split, and passes the rest unchanged. */
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
