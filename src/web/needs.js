// biome-ignore-all lint: must run in browsers that cannot run the page itself, so it uses the syntax of 1999.
// Checks whether this browser has the APIs that the page needs. The page uses nothing newer than Chrome 99, Firefox 98
// and Safari 15.4 without a fallback (tested by test/web/long/old-browsers.test.ts). index.html has the text for others.
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
