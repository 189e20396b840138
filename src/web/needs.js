// biome-ignore-all lint: in the syntax of 1999, since it must run where the page itself cannot.
// Looks whether this browser has what the page needs. Nothing newer than Chrome 99, Firefox 98 and Safari 15.4 is used
// without a way around it (test/web/long/old-browsers.test.ts keeps watch). What is shown otherwise stands in index.html.
if (
  !(
    'noModule' in document.createElement('script') &&
    window.fetch &&
    window.Headers &&
    window.URLSearchParams &&
    window.TextDecoder &&
    window.ReadableStream &&
    window.Response &&
    'body' in Response.prototype &&
    window.AbortSignal &&
    'reason' in AbortSignal.prototype &&
    AbortSignal.prototype.throwIfAborted &&
    window.crypto &&
    crypto.getRandomValues &&
    window.HTMLDialogElement &&
    HTMLDialogElement.prototype.showModal &&
    Element.prototype.replaceChildren &&
    window.ResizeObserver &&
    window.MutationObserver &&
    window.matchMedia &&
    window.queueMicrotask &&
    window.reportError &&
    window.Intl &&
    Intl.DateTimeFormat &&
    window.Promise &&
    Promise.prototype['finally'] &&
    window.Symbol &&
    Symbol.asyncIterator &&
    Object.entries &&
    Object.fromEntries &&
    Array.prototype.at &&
    Array.prototype.flatMap &&
    String.prototype.matchAll &&
    String.prototype.replaceAll
  )
) {
  document.documentElement.className = 'outdated'
}
