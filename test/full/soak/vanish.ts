import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { http1Client, http2Client } from './client.ts'
import { LOST_NAMESPACE } from './cluster.ts'
import { outcomeOf } from './tally.ts'
import { LARGE, OBJECTS, side, type Worker } from './work.ts'

const pause = (worker: Worker, ms: number): Promise<void> =>
  sleep(ms, undefined, { signal: worker.stopping }).catch(() => {})

type Vanishing = (worker: Worker) => Promise<void>

async function rawSocket({ way }: Worker): Promise<TLSSocket> {
  const { hostname, port } = new URL(way.url)
  const socket = connect({ host: hostname, port: Number(port), ...way.tls, ALPNProtocols: ['http/1.1'] })
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  socket.resume()
  return socket
}

function head({ way, identity }: Worker, method: string, path: string, more: string[] = []): string {
  const token = identity.bearer()
  const lines = [
    `${method} ${way.prefix}${path} HTTP/1.1`,
    `Host: ${new URL(way.url).host}`,
    'Accept: application/json',
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...more,
  ]
  return lines.map(line => `${line}\r\n`).join('')
}

const inHandshake: Vanishing = async ({ way }) => {
  const { hostname, port } = new URL(way.url)
  const socket = connect({ host: hostname, port: Number(port), ...way.tls })
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.destroy()
}

const inHead: Vanishing = async worker => {
  const socket = await rawSocket(worker)
  socket.write(head(worker, 'GET', OBJECTS).slice(0, 60))
  await pause(worker, 50)
  socket.destroy()
}

const LOST = `/api/v1/namespaces/${LOST_NAMESPACE}/configmaps`

const inBody: Vanishing = async worker => {
  const socket = await rawSocket(worker)
  const fields = ['Content-Type: application/json', 'Content-Length: 5000']
  socket.write(`${head(worker, 'POST', LOST, fields)}\r\n{"apiVersion":"v1","kind":"ConfigMap",`)
  await pause(worker, 50 + Math.random() * 100)
  socket.destroy()
}

/** Everything is sent; nobody waits for what it did. */
const beforeAnswer: Vanishing = async worker => {
  const socket = await rawSocket(worker)
  const body = JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `lost-${Math.floor(Math.random() * 50)}` },
  })
  const fields = ['Content-Type: application/json', `Content-Length: ${body.length}`]
  const method = Math.random() < 0.5 ? 'POST' : 'DELETE'
  const path = method === 'POST' ? LOST : `${LOST}/lost-${Math.floor(Math.random() * 50)}`
  if (method === 'POST') socket.write(`${head(worker, method, path, fields)}\r\n${body}`)
  else socket.write(`${head(worker, method, path)}\r\n`)
  await pause(worker, Math.random() * 20)
  socket.destroy()
}

const inAnswer: Vanishing = async worker => {
  const client = Math.random() < 0.5 ? http1Client : http2Client
  const mine = client(worker.way, worker.identity)
  try {
    const answer = await mine.open({ path: LARGE })
    await once(answer.body, 'readable')
    answer.body.read(1)
    answer.vanish()
  } finally {
    mine.close()
  }
}

const inWatch: Vanishing = async worker => {
  const client = Math.random() < 0.5 ? http1Client : http2Client
  const mine = client(worker.way, worker.identity)
  try {
    const answer = await mine.open({ path: `${OBJECTS}?watch=true&timeoutSeconds=60` })
    await Promise.race([once(answer.body, 'data'), pause(worker, 2000)])
    answer.vanish()
  } finally {
    mine.close()
  }
}

/** Sends its FIN and stays; reads nothing. */
const halfOpen: Vanishing = async worker => {
  const { hostname, port } = new URL(worker.way.url)
  const socket = connect({
    ...{ host: hostname, port: Number(port), allowHalfOpen: true, ALPNProtocols: ['http/1.1'] },
    ...worker.way.tls,
  })
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  socket.pause()
  socket.end(`${head(worker, 'GET', Math.random() < 0.5 ? LARGE : `${OBJECTS}?watch=true`)}\r\n`)
  await pause(worker, 3000)
  socket.destroy()
}

/** Says nothing at all for a while. */
const silent: Vanishing = async worker => {
  const socket = await rawSocket(worker)
  await pause(worker, 2000)
  socket.destroy()
}

const ways: Readonly<Record<string, Vanishing>> = {
  'in-handshake': inHandshake,
  'in-head': inHead,
  'in-body': inBody,
  'before-answer': beforeAnswer,
  'in-answer': inAnswer,
  'in-watch': inWatch,
  'half-open': halfOpen,
  silent,
}

/** A client that goes away in every way there is, one after the other. */
export async function vanish(worker: Worker, every: number): Promise<void> {
  const { tally, way, identity, stopping } = worker
  while (!stopping.aborted) {
    for (const [name, go] of Object.entries(ways)) {
      if (stopping.aborted) return
      try {
        await go(worker)
        tally.ok(side(way), `vanish-${name}`)
      } catch (error) {
        if (stopping.aborted) return
        tally.wrong(side(way), `vanish-${name}`, outcomeOf(error), `${way.name} ${identity.name}`)
      }
      await pause(worker, every * (0.5 + Math.random()))
    }
  }
}
