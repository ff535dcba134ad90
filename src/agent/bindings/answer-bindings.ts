import { z } from 'zod'
import { Refusal } from '../../errors/refusal.ts'
import {
  BINDINGS_PATH,
  type BindingsAnswer,
  type BindRequest,
  MOST_BINDINGS,
} from '../../tunnel/calls/session-bindings.ts'
import type { AnswerHandler, UpstreamCall } from '../../tunnel/contract.ts'
import { refuseLater } from '../../tunnel/refuse-later.ts'
import { SESSION_ID } from '../names.ts'
import type { MadeRequest } from '../upstream/api-client.ts'
import type { SessionBindings } from './session-bindings.ts'

const roleSchema = z
  .strictObject({
    kind: z.enum(['ClusterRole', 'Role']),
    name: z.string().regex(/^[a-z0-9]([a-z0-9.:_-]{0,251}[a-z0-9])?$/i),
    namespace: z.string().regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/),
  })
  .refine(role => role.name !== 'cluster-admin')
  .refine(role => role.kind === 'ClusterRole' || role.namespace !== '')

const requestSchema = z.strictObject({
  session: z.string().regex(SESSION_ID),
  seconds: z.number(),
  roles: z.array(roleSchema).max(MOST_BINDINGS),
  replace: z.boolean(),
})

/** Makes, finds or deletes bindings of a session, and answers with what is there and what it took. */
export function answerBindings(
  bindings: SessionBindings | undefined,
  call: UpstreamCall,
  handler: AnswerHandler,
): () => void {
  if (bindings === undefined) return refuseLater(handler, noBinder())
  let request: BindRequest | undefined
  if (call.identity.purpose === 'bind') {
    request = readRequest(call.body)
    if (request === undefined) return refuseLater(handler, malformed())
  }
  let aborted = false
  answer(bindings, call, request).then(
    answered => {
      if (aborted) return
      handler.onHead(200, ['content-type', 'application/json'], { pause() {}, resume() {} })
      handler.onData(Buffer.from(JSON.stringify(answered)))
      handler.onEnd()
    },
    cause => {
      if (aborted) return
      handler.onError(cause instanceof Refusal ? cause : new Refusal('internal', { cause }))
    },
  )
  return () => {
    aborted = true
  }
}

async function answer(
  bindings: SessionBindings,
  call: UpstreamCall,
  request: BindRequest | undefined,
): Promise<BindingsAnswer> {
  const requests: MadeRequest[] = []
  const made = (one: MadeRequest): void => void requests.push(one)
  const session = call.target.slice(call.target.lastIndexOf('/') + 1)
  try {
    if (request !== undefined) {
      const bound = await bindings.bind(request, made)
      return { bindings: bound, requests, swept: bindings.takeSwept() }
    }
    if (call.target === BINDINGS_PATH) return { bindings: [], requests, swept: bindings.takeSwept() }
    if (call.identity.purpose === 'bindings') {
      return { bindings: await bindings.list(session, made), requests, swept: bindings.takeSwept() }
    }
    await bindings.unbind(session, made)
    return { bindings: [], requests, swept: bindings.takeSwept() }
  } catch (error) {
    // What it refuses by itself is a refusal; what the cluster refused comes with the requests that show it.
    if (!(error instanceof Refusal) || requests.length === 0) throw error
    const failed = { check: error.check ?? error.code, detail: error.message }
    return { bindings: [], failed, requests, swept: bindings.takeSwept() }
  }
}

function readRequest(body: Uint8Array | null): BindRequest | undefined {
  try {
    const parsed = requestSchema.safeParse(JSON.parse(Buffer.from(body ?? []).toString('utf8')))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

function noBinder(): Refusal {
  return new Refusal('denied-by-agent', {
    check: 'agent/no-binder',
    detail: 'this agent has no binder for this connection, or does not make sessions somebody of their own',
  })
}

function malformed(): Refusal {
  return new Refusal('denied-by-agent', { check: 'agent/own-call', detail: 'this is no bind call' })
}
