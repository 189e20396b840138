// The tables of scaling.md: node docs/scaling.mjs, or with other numbers: node docs/scaling.mjs --streams=1000000

/** What is assumed of the people. Each may be given as --name=number. */
const load = {
  streams: 10_000_000,
  readersPerChat: 4,
  secondsBetweenMessages: 60, // in a chat that somebody follows
  secondsAStreamLasts: 3600,
  chatsKept: 10_000_000,
  messagesKept: 100, // a chat
  biggestChat: 1_000_000 // readers of one chat
}

/** What is chosen. Likewise. */
const choice = {
  streamsPerNode: 50_000, // MAX_STREAMS
  heartbeatSeconds: 15, // HEARTBEAT_SECONDS
  busy: 0.5, // the part of a core that may be used on an ordinary day
  redisGiB: 16, // of chats in one server; while it writes its file anew it may need twice that
  recoverySeconds: 30 // until all who follow chats of a Redis server that was lost hear again
}

/** What was measured: scaling.md says how. CPU in µs, sizes in bytes. */
const cost = {
  nodeStreamMemory: 12.2 * 1024,
  kernelStreamMemory: 3.7 * 1024,
  nodeHeartbeat: 17,
  nodePost: 274,
  nodeToldMessage: 23,
  nodeDelivery: 11,
  nodeSharedDelivery: 0.914, // many messages at once to many readers
  nodeOpen: 1015,
  redisAppend: 52,
  redisTellNode: 1.2,
  redisOpen: 219,
  redisRenew: 51,
  redisChatMemory: 1260,
  redisMessageMemory: 206,
  redisSubscriptionMemory: 230,
  bytesToRedis: 469,
  bytesToNode: 262,
  bytesToReader: 240
}

for (const argument of process.argv.slice(2)) {
  const [, name = '', value] = /^--(\w+)=([\d.]+)$/.exec(argument) ?? []
  const table = [load, choice, cost].find((one) => name in one)
  if (table === undefined) {
    process.stderr.write(
      `Unknown: ${argument}. There are: ${Object.keys({ ...load, ...choice, ...cost }).join(', ')}.\n`
    )
    process.exit(1)
  }
  table[name] = Number(value)
}

const MICROS = 1_000_000
const GIB = 2 ** 30

// What happens in a second, everywhere.
const followedChats = load.streams / load.readersPerChat
const posts = followedChats / load.secondsBetweenMessages
const deliveries = posts * load.readersPerChat
const heartbeats = load.streams / choice.heartbeatSeconds
const opens = load.streams / load.secondsAStreamLasts

// Nodes. A chat's readers come to nodes at random, and each of these nodes subscribes once.
const byStreams = load.streams / choice.streamsPerNode
const spread = Math.max(1, byStreams)
const nodesPerChat = spread * (1 - (1 - 1 / spread) ** load.readersPerChat)
const subscriptions = followedChats * nodesPerChat
const told = posts * nodesPerChat
const nodeWork = {
  heartbeats: heartbeats * cost.nodeHeartbeat,
  opens: opens * cost.nodeOpen,
  posts: posts * cost.nodePost,
  told: told * cost.nodeToldMessage,
  deliveries: deliveries * cost.nodeDelivery
}
const nodeCores = sum(nodeWork) / MICROS
const nodes = Math.ceil(Math.max(byStreams, nodeCores / choice.busy))
const streamMemory = cost.nodeStreamMemory + cost.kernelStreamMemory

// Redis. Chats lie over the servers by hash slot.
const redisWork = {
  appends: posts * cost.redisAppend,
  telling: told * cost.redisTellNode,
  opens: opens * cost.redisOpen
}
const redisCores = sum(redisWork) / MICROS
const chatMemory = load.chatsKept * (cost.redisChatMemory + load.messagesKept * cost.redisMessageMemory)
const redisMemory = chatMemory + subscriptions * cost.redisSubscriptionMemory
const byCpu = redisCores / choice.busy
const byMemory = redisMemory / (choice.redisGiB * GIB)
const byRecovery = (subscriptions * cost.redisRenew) / MICROS / choice.recoverySeconds
const servers = Math.ceil(Math.max(byCpu, byMemory, byRecovery))

// One chat with very many readers.
const readersPerNode = load.biggestChat / nodes
const slowMessage = cost.nodeToldMessage + readersPerNode * cost.nodeDelivery
const fastMessage = cost.nodeToldMessage + readersPerNode * cost.nodeSharedDelivery
const redisMessage = cost.redisAppend + nodes * cost.redisTellNode

function sum(parts) {
  return Object.values(parts).reduce((all, one) => all + one, 0)
}

/** Three digits. */
function shown(number) {
  return Number(number.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 3 })
}

function cores(micros) {
  return `${shown(micros / MICROS)} cores`
}

function table(head, rows) {
  return [`| ${head} | | |`, '| --- | ---: | --- |', ...rows.map((cells) => `| ${cells.join(' | ')} |`), ''].join('\n')
}

process.stdout.write(
  [
    table('everywhere, a second', [
      ['open streams', shown(load.streams), ''],
      ['chats that are followed', shown(followedChats), `${load.readersPerChat} streams each`],
      ['posts', shown(posts), `a message every ${load.secondsBetweenMessages} s`],
      ['deliveries', shown(deliveries), 'posts × streams of a chat'],
      ['heartbeats', shown(heartbeats), `every ${choice.heartbeatSeconds} s`],
      ['streams that are opened', shown(opens), `each lasts ${shown(load.secondsAStreamLasts)} s`]
    ]),
    table('nodes', [
      ['by streams', shown(byStreams), `${shown(choice.streamsPerNode)} each`],
      ['by CPU', shown(nodeCores / choice.busy), `${shown(nodeCores)} cores of work, ${choice.busy * 100} % used`],
      ['– heartbeats', cores(nodeWork.heartbeats), `${cost.nodeHeartbeat} µs`],
      ['– opening streams', cores(nodeWork.opens), `${shown(cost.nodeOpen)} µs`],
      ['– posts', cores(nodeWork.posts), `${cost.nodePost} µs`],
      ['– messages told by Redis', cores(nodeWork.told), `${cost.nodeToldMessage} µs, on ${shown(nodesPerChat)} nodes`],
      ['– deliveries', cores(nodeWork.deliveries), `${cost.nodeDelivery} µs`],
      ['**nodes needed**', `**${shown(nodes)}**`, 'the greater of the two'],
      [
        'memory of a node',
        `${shown(((load.streams / nodes) * streamMemory) / GIB)} GiB`,
        `streams × ${shown(streamMemory / 1024)} KiB`
      ],
      ['subscriptions of a node', shown(subscriptions / nodes), 'chats × nodes of a chat ÷ nodes']
    ]),
    table('Redis servers (masters)', [
      ['by CPU', shown(byCpu), `${shown(redisCores)} cores of work, ${choice.busy * 100} % used`],
      ['– appends', cores(redisWork.appends), `${cost.redisAppend} µs`],
      ['– telling nodes', cores(redisWork.telling), `${cost.redisTellNode} µs a node`],
      ['– opening streams', cores(redisWork.opens), `${cost.redisOpen} µs`],
      ['by memory', shown(byMemory), `${shown(redisMemory / GIB)} GiB, ${choice.redisGiB} each`],
      [
        'by recovery',
        shown(byRecovery),
        `all subscriptions again in ${choice.recoverySeconds} s, ${cost.redisRenew} µs each`
      ],
      ['**servers needed**', `**${shown(servers)}**`, 'the greatest of the three'],
      ['connections of a server', shown(nodes * 2), 'two of every node'],
      ['bytes to Redis, all', `${shown((posts * cost.bytesToRedis) / 1e6)} MB/s`, `${cost.bytesToRedis} a post`],
      ['bytes from Redis, all', `${shown((told * cost.bytesToNode) / 1e6)} MB/s`, `${cost.bytesToNode} a node`],
      [
        'bytes to readers, all',
        `${shown((deliveries * cost.bytesToReader) / 1e6)} MB/s`,
        `${cost.bytesToReader} a delivery`
      ]
    ]),
    table('when much happens at once', [
      [
        'a node is lost',
        `${shown(((load.streams / nodes / Math.max(1, nodes - 1)) * cost.nodeOpen) / MICROS)} s`,
        'CPU of each other node for its streams'
      ],
      [
        'a Redis server is lost',
        `${shown(((subscriptions / servers) * cost.redisRenew) / MICROS)} s`,
        'CPU of who takes over for its subscriptions'
      ],
      [
        'everybody comes back, nodes',
        `${shown(((load.streams / nodes) * cost.nodeOpen) / MICROS)} s`,
        'CPU of each node'
      ],
      [
        'everybody comes back, Redis',
        `${shown(((load.streams / servers) * cost.redisOpen) / MICROS)} s`,
        'CPU of each server'
      ]
    ]),
    table(`one chat with ${shown(load.biggestChat)} readers`, [
      ['readers of a node', shown(readersPerNode), 'subscribed once'],
      [
        'a message: CPU of a node',
        `${shown(slowMessage / 1000)} ms`,
        `one at a time: ${cost.nodeDelivery} µs a delivery`
      ],
      ['a message: CPU of its Redis', `${shown(redisMessage / 1000)} ms`, `append, and ${shown(nodes)} nodes to tell`],
      ['messages/s it bears, one at a time', shown((MICROS * choice.busy) / slowMessage), 'limited by nodes'],
      [
        'messages/s it bears, many at once',
        shown((MICROS * choice.busy) / Math.max(fastMessage, redisMessage)),
        `${cost.nodeSharedDelivery} µs a delivery`
      ]
    ])
  ].join('\n')
)
