import { Refusal } from '../../errors/refusal.ts'
import type {
  AgentLink,
  AnswerController,
  AnswerHandler,
  SessionDescriptor,
  UpstreamCall,
} from '../../tunnel/contract.ts'

export const SESSION = `s-${'a'.repeat(26)}`

export const alice: SessionDescriptor = {
  sessionId: SESSION,
  mode: 'principal',
  user: 'sallyport:local:alice',
  groups: ['sallyport:devs'],
  extra: [['sallyport.dev/session', SESSION]],
}

export const own: SessionDescriptor = { sessionId: '', mode: 'agent', user: '', groups: [], extra: [] }

/** A call with everything in order; a test changes what it is about. */
export function callOf(changes: Partial<UpstreamCall> = {}): UpstreamCall {
  return {
    connection: 'prod',
    method: 'GET',
    target: '/api/v1/namespaces/default/configmaps/plain',
    headers: ['accept', 'application/json', 'user-agent', 'kubectl/v1.36'],
    body: null,
    identity: alice,
    auditId: '0198c0de-0000-7000-8000-000000000001',
    headTimeout: 5_000,
    ...changes,
  }
}

export interface Collected {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: Buffer
}

/** Events of one call, in order, for tests that look at more than the result. */
export class Recorder implements AnswerHandler {
  status = 0
  headers: readonly string[] = []
  readonly chunks: Buffer[] = []
  readonly events: string[] = []
  controller: AnswerController | undefined
  onChunk: ((chunk: Buffer) => void) | undefined
  readonly #settled = Promise.withResolvers<Collected>()
  readonly #head = Promise.withResolvers<void>()

  constructor() {
    this.#settled.promise.catch(() => {})
    this.#head.promise.catch(() => {})
  }

  /** Resolves with the complete answer; rejects with the Refusal. */
  get done(): Promise<Collected> {
    return this.#settled.promise
  }

  get head(): Promise<void> {
    return this.#head.promise
  }

  get bytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }

  onHead(status: number, headers: readonly string[], controller: AnswerController): void {
    this.events.push('head')
    this.status = status
    this.headers = headers
    this.controller = controller
    this.#head.resolve()
  }

  onData(chunk: Buffer): void {
    this.events.push('data')
    this.chunks.push(Buffer.from(chunk))
    this.onChunk?.(chunk)
  }

  onEnd(): void {
    this.events.push('end')
    this.#settled.resolve({ status: this.status, headers: this.headers, body: Buffer.concat(this.chunks) })
  }

  onError(error: Refusal): void {
    this.events.push('error')
    this.#settled.reject(error)
    this.#head.reject(error)
  }
}

export function send(link: AgentLink, call: UpstreamCall): Promise<Collected> {
  const recorder = new Recorder()
  link.dispatch(call, recorder)
  return recorder.done
}

/** The Refusal that a promise ends with; anything else is thrown. */
export async function refusalOf(promise: Promise<unknown>): Promise<Refusal> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error('expected a refusal')
}

/** Waits until `condition` holds, checking on each turn of the event loop; gives up after `limit` milliseconds. */
export async function until(condition: () => boolean, limit = 4_000): Promise<void> {
  const end = Date.now() + limit
  while (!condition()) {
    if (Date.now() > end) throw new Error('the condition did not come true in time')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
