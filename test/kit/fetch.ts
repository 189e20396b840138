/** The fetch of a crowd's actors: it chooses where a request goes, and streams reconnect at once instead of after seconds. */

const RETRY = 'retry: 20\n'

/** Each request goes to the server whose base `place` gives. `counted` counts the connections that streams take. */
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
      // The client waits for seconds until a first stream has named another time, so it gets a stream that does.
      if (hasConnected || !(error instanceof TypeError)) throw error
      return new Response(`${RETRY}\n`, { headers: { 'content-type': 'text/event-stream' } })
    }
  }
}

/** Puts another reconnection time into the stream, however that line is split; the rest passes as it is. */
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
