/**
 * Starts Swagger UI with our OpenAPI document and a plugin for what Swagger UI lacks: a choice between several user ids,
 * whole URLs in path fields, and no "Execute" for streams, which it cannot show.
 * https://swagger.io/docs/open-source-tools/swagger-ui/customization/plug-points/
 */

/** The part of Immutable.js that we use. */
interface Immutable {
  readonly size: number
  filter(keep: (item: Immutable) => boolean): Immutable
  getIn(path: readonly string[]): Immutable | undefined
  hasIn(path: readonly string[]): boolean
  has(name: string): boolean
  toJS(): unknown
}

type Element = object
type Component = (props: OperationProps) => Element

interface OperationProps {
  readonly path: string
  readonly method: string
}

interface System {
  readonly React: {
    readonly Fragment: string
    createElement(type: unknown, props?: object | null, ...children: unknown[]): Element
    useState(initial: number): [number, (next: (last: number) => number) => void]
  }
  readonly specSelectors: { specJson(): Immutable }
  readonly authSelectors: { authorized(): Immutable }
  /** With `true` the component is rendered again when the state changes, such as the authorization. */
  getComponent(name: string, isContainer: true): Component
}

interface ExecutedRequest {
  readonly pathName: string
  readonly method: string
  /** By location and name, such as `path.chat.hash-123`. */
  readonly parameters: Readonly<Record<string, unknown>>
  readonly securities: { readonly authorized?: Readonly<Record<string, unknown>> }
}

declare const SwaggerUIBundle: (options: object) => void

/** The name of a security scheme, or `nobody` for no scheme. */
type Sender = 'owner' | 'guest' | 'nobody'

const LABELS: Readonly<Record<Sender, string>> = {
  owner: 'the owner',
  guest: 'the guest',
  nobody: 'nobody (send no user id)'
}

/** The chosen sender of each operation. */
const chosen = new Map<string, string>()

const keyOf = ({ path, method }: OperationProps): string => `${method} ${path}`

/** The senders that an operation allows, in the order of its `security`. */
function sendersOf({ specSelectors }: System, { path, method }: OperationProps): Sender[] {
  const alternatives = specSelectors.specJson().getIn(['paths', path, method, 'security'])?.toJS()
  if (!Array.isArray(alternatives)) return []
  return alternatives.map((schemes: object) => ('owner' in schemes ? 'owner' : 'guest' in schemes ? 'guest' : 'nobody'))
}

/** The sender of the next request: the chosen one, or else the first possible one. */
function senderOf(system: System, operation: OperationProps): Sender | undefined {
  const senders = sendersOf(system, operation).filter((sender) => canSend(system, sender))
  return senders.find((sender) => sender === chosen.get(keyOf(operation))) ?? senders[0]
}

function canSend({ authSelectors }: System, sender: Sender): boolean {
  return sender === 'nobody' || authSelectors.authorized().has(sender)
}

/**
 * Removes all schemes except the chosen one: of several authorized schemes, Swagger UI would send the last. Replaces a
 * whole URL in a path field with its opaque part, because some proxies decode the slashes in a path.
 */
function prepare(request: ExecutedRequest, system: System): ExecutedRequest {
  const sender = senderOf(system, { path: request.pathName, method: request.method })
  const authorized = Object.entries(request.securities.authorized ?? {}).filter(([scheme]) => scheme === sender)
  const parameters = Object.entries(request.parameters).map(([name, value]) => [
    name,
    name.startsWith('path.') ? opaquePart(value) : value
  ])
  return {
    ...request,
    parameters: Object.fromEntries(parameters),
    securities: { ...request.securities, authorized: Object.fromEntries(authorized) }
  }
}

function opaquePart(value: unknown): unknown {
  if (typeof value !== 'string') return value
  return (
    /^https?:\/\/[^?#]*\/(?:v1\/(?:chats|links|handovers)|i)\/([^/?#]+)\/?(?:[?#].*)?$/.exec(value.trim())?.[1] ??
    value.trim()
  )
}

function isStream({ specSelectors }: System, path: string, method: string): boolean {
  return specSelectors.specJson().hasIn(['paths', path, method, 'responses', '200', 'content', 'text/event-stream'])
}

/** Lets the user choose whose user id is sent, if the operation allows several. */
const sendAs =
  (system: System): Component =>
  (operation) => {
    const { createElement, useState } = system.React
    const [, redraw] = useState(0)
    const senders = sendersOf(system, operation)
    const options = senders.map((sender) => {
      const disabled = !canSend(system, sender)
      return createElement(
        'option',
        { key: sender, value: sender, disabled },
        disabled ? `${LABELS[sender]} (click "Authorize" first)` : LABELS[sender]
      )
    })
    if (options.length < 2) return createElement(system.React.Fragment)
    const onChange = ({ target }: { target: { value: string } }) => {
      chosen.set(keyOf(operation), target.value)
      redraw((count) => count + 1)
    }
    return createElement(
      'label',
      { className: 'send-as' },
      'Send as ',
      createElement('select', { value: senderOf(system, operation) ?? '', onChange }, ...options)
    )
  }

const chatPlugin = (system: System) => ({
  components: { SendAs: sendAs(system) },
  wrapComponents: {
    execute:
      (Execute: Component, { React, getComponent }: System): Component =>
      (props) => {
        const { path, method } = props
        const choice = React.createElement(getComponent('SendAs', true), { path, method })
        return React.createElement(React.Fragment, null, choice, React.createElement(Execute, props))
      }
  },
  statePlugins: {
    spec: {
      wrapSelectors: {
        allowTryItOutFor: (_original: unknown, own: System) => (_state: unknown, path: string, method: string) =>
          !isStream(own, path, method)
      },
      wrapActions: {
        executeRequest: (original: (request: ExecutedRequest) => unknown, own: System) => (request: ExecutedRequest) =>
          original(prepare(request, own))
      }
    },
    auth: {
      wrapSelectors: {
        // Otherwise an operation that needs no user id would be shown as authorized before anyone is.
        isAuthorized:
          (original: (security: Immutable | undefined) => unknown) =>
          (_state: unknown, security: Immutable | undefined) =>
            original(security?.filter((schemes) => schemes.size > 0))
      }
    }
  }
})

SwaggerUIBundle({
  dom_id: '#swagger-ui',
  url: new URL('../json', import.meta.url).href,
  plugins: [chatPlugin],
  deepLinking: true,
  tryItOutEnabled: true,
  // Send nothing to an online validator, and store no user id.
  validatorUrl: null,
  persistAuthorization: false
})
