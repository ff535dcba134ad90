import { Refusal } from '../errors/refusal.ts'
import type { AnswerHandler, UpstreamCall } from '../tunnel/contract.ts'
import type { CredentialMaterial, UpstreamCredential } from './credentials/credential.ts'
import type { JudgedCall } from './judge.ts'
import { upstreamRefusal } from './upstream/failures.ts'
import { createUpstreamPool, type PoolLimits, type UpstreamPool } from './upstream/pool.ts'
import type { ClientCertificate } from './upstream/target.ts'

/** One credential and the connections that are opened with it. */
export interface Upstream {
  readonly inFlight: number
  readonly connections: number
  /** Under `under` when given, which must be a bearer token for the same target; else under its own credential. */
  send(judged: JudgedCall, call: UpstreamCall, handler: AnswerHandler, under?: UpstreamCredential): () => void
  close(): Promise<void>
  destroy(): void
}

export function createUpstream(
  credential: UpstreamCredential,
  limits: PoolLimits,
  clock: () => number,
): Upstream {
  const { target } = credential
  let certificate: ClientCertificate | undefined
  let pool: UpstreamPool | undefined
  let closed = false
  const retired = new Set<UpstreamPool>()

  /** TLS connections are bound to the client certificate that opened them: another certificate, another pool. */
  function poolFor(material: CredentialMaterial): UpstreamPool {
    if (pool !== undefined && material.certificate === certificate) return pool
    if (pool !== undefined) {
      const old = pool
      retired.add(old)
      void old.close().then(() => retired.delete(old))
    }
    certificate = material.certificate
    pool = createUpstreamPool(target, certificate, limits)
    return pool
  }

  function sendWith(
    shown: UpstreamCredential,
    material: CredentialMaterial,
    judged: JudgedCall,
    call: UpstreamCall,
    handler: AnswerHandler,
  ): () => void {
    // Last of all, so that nothing that came with the call can stand before it.
    if (material.authorization !== '') judged.headers.push('authorization', material.authorization)
    const facts = {
      passUnauthorized: judged.passUnauthorized,
      onUnauthorized: () => shown.rejected(material),
    }
    const request = {
      method: judged.method,
      path: target.basePath + judged.target,
      headers: judged.headers,
      body: call.body,
      headTimeout: call.headTimeout,
    }
    return poolFor(material).dispatch(request, facts, handler)
  }

  return {
    get inFlight() {
      let sum = pool?.inFlight ?? 0
      for (const old of retired) sum += old.inFlight
      return sum
    },
    get connections() {
      let sum = pool?.connections ?? 0
      for (const old of retired) sum += old.connections
      return sum
    },
    send(judged, call, handler, under = credential) {
      const material = under.current(clock())
      if (material !== undefined) return sendWith(under, material, judged, call, handler)
      let abort: (() => void) | undefined
      let aborted = false
      under.refresh().then(
        fetched => {
          if (aborted) return
          if (closed)
            handler.onError(new Refusal('agent-unavailable', { check: 'agent/closing', retryAfter: 1 }))
          else abort = sendWith(under, fetched, judged, call, handler)
        },
        error => {
          if (!aborted) handler.onError(upstreamRefusal(error))
        },
      )
      return () => {
        aborted = true
        abort?.()
      }
    },
    async close() {
      closed = true
      await Promise.all([pool?.close(), ...[...retired].map(one => one.close())])
    },
    destroy() {
      closed = true
      pool?.destroy()
      for (const old of retired) old.destroy()
    },
  }
}
