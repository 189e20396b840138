/**
 * Where code can be broken, and how: conditions are negated or their operators swapped, calls and results dropped,
 * constants changed. Types, imports and what is only documentation are left alone.
 */
import { parseSync } from 'vite'

const SWAPPED = { '<': '<=', '<=': '<', '>': '>=', '>=': '>', '===': '!==', '!==': '===', '&&': '||', '||': '&&' }
/** `EXAMPLE` is in the names of what the OpenAPI document shows. */
const DOCUMENTATION = /^(schema|description|summary|help|config|\w*EXAMPLE\w*)$/
const VALUES_IN_TYPES = /^TS(As|NonNull|Satisfies)Expression$|^TSParameterProperty$/
const VALUE_PARTS = /^(Object|Conditional|Logical|TSAs)Expression$|^Property$/
const STRING_USERS = /^(ReturnStatement|ArrowFunctionExpression|SwitchCase)$/

const isSkipped = ({ type, key, id }) =>
  (type.startsWith('TS') && !VALUES_IN_TYPES.test(type)) || DOCUMENTATION.test(key?.name ?? id?.name ?? '')

/** Whether a string is compared, or is what a function returns or a part of that. */
function isComparedOrReturned(parents) {
  const user = parents.findLast(({ type }) => !VALUE_PARTS.test(type))
  return parents.at(-1).operator in SWAPPED || STRING_USERS.test(user?.type)
}

function swap(node, _, text) {
  const [before, after] = [text.slice(node.start, node.left.end), text.slice(node.right.start, node.end)]
  const operator = text.slice(node.left.end, node.right.start).replace(node.operator, SWAPPED[node.operator])
  return node.operator in SWAPPED ? `${before}${operator}${after}` : undefined
}

function changeLiteral({ value }, parents) {
  if (parents.at(-1).key?.value === value) return undefined
  if (typeof value === 'number') return `${value + 1}`
  if (typeof value === 'boolean') return `${!value}`
  return typeof value === 'string' && value !== '' && isComparedOrReturned(parents) ? "''" : undefined
}

function dropCall({ expression }) {
  const called =
    expression.type === 'AwaitExpression' || expression.operator === 'void' ? expression.argument : expression
  return called.type === 'CallExpression' && called.callee.type !== 'Super' ? ';' : undefined
}

function dropReturn({ argument }) {
  if (argument === null) return ';'
  return argument.type === 'Literal' || argument.name === 'undefined' ? undefined : 'return undefined'
}

/** By type of the node: what kind of mutation it is, and what makes the new text, if it can be broken. */
const MUTATIONS = {
  BinaryExpression: ['condition', swap],
  LogicalExpression: ['condition', swap],
  ExpressionStatement: ['call', dropCall],
  Literal: ['constant', changeLiteral],
  ReturnStatement: ['return', dropReturn]
}

/** What stands for true or false besides comparisons: those are swapped. */
function conditionsIn(node) {
  const conditions = node.operator === '&&' || node.operator === '||' ? [node.left] : [node.test]
  // A `case` has a `test`, too.
  return conditions.filter((test) => test && node.type !== 'SwitchCase' && !/^([!=]==|&&|\|\|)$/.test(test.operator))
}

/** All places in the text of a file. */
export function placesIn(file, text) {
  const places = []
  const add = (kind, { start, end }, replacement) => {
    const line = text.slice(0, start).split('\n').length
    places.push({ file, line, kind, original: text.slice(start, end), replacement, start, end })
  }
  const visit = (node, parents) => {
    if (isSkipped(node)) return
    const [kind, change] = MUTATIONS[node.type] ?? []
    const replacement = change?.(node, parents, text)
    if (replacement !== undefined) add(kind, node, replacement)
    for (const test of conditionsIn(node)) add('condition', test, `!(${text.slice(test.start, test.end)})`)
    const children = Object.values(node).flat()
    for (const child of children) if (typeof child?.type === 'string') visit(child, [...parents, node])
  }
  const statements = parseSync(file, text, { preserveParens: false }).program.body
  for (const node of statements) if (!/^(Import|ExportAll)/.test(node.type)) visit(node, [{}])
  return places
}

/** The text of the file, broken there. */
export function mutated({ start, end, replacement }, text) {
  return text.slice(0, start) + replacement + text.slice(end)
}

/** Whether it is TypeScript at all. */
export function isReadable(file, text) {
  return parseSync(file, text).errors.length === 0
}

/** Mulberry32: the same seed chooses the same places everywhere. */
export function randomFrom(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
