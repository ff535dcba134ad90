import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import type { Recorded } from './record.ts'
import type { ApiCaller, Client } from './services.ts'

/** What a handler gets: a request that was authenticated, validated and allowed. */
export interface Exchange<B = unknown, Q = unknown, P = unknown> {
  readonly call: string
  readonly client: Client
  readonly body: B
  readonly query: Q
  readonly params: P
  /** The bearer token, for the routes that are public because the token itself is what they judge. */
  readonly bearer: string | undefined
  /** DER of the client certificate, when the listener verified one. */
  readonly peerCertificate: Uint8Array | undefined
  /** Aborts when the caller leaves or the API closes. */
  readonly signal: AbortSignal
  readonly recorded: Recorded
  readonly reply: FastifyReply
}

export interface DecidedExchange<B = unknown, Q = unknown, P = unknown> extends Exchange<B, Q, P> {
  readonly caller: ApiCaller
}

interface Shape<B extends z.ZodType, Q extends z.ZodType, P extends z.ZodType> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly summary: string
  readonly body?: B
  readonly query?: Q
  readonly params?: P
  /** Of the success answer; whatever a handler returns beyond it does not leave. */
  readonly response: z.ZodType
  /** HTTP status of success; 200. */
  readonly status?: number
  /** Media type of success; application/json. */
  readonly produces?: string
}

/** A route as it is registered; the handler's types were checked where it was defined. */
export interface Route extends Shape<z.ZodType, z.ZodType, z.ZodType> {
  handle(x: DecidedExchange): unknown
}

/** Binds a handler's types to its schemas. */
export function route<B extends z.ZodType, Q extends z.ZodType, P extends z.ZodType>(
  definition: Shape<B, Q, P> & {
    handle(x: DecidedExchange<z.output<B>, z.output<Q>, z.output<P>>): unknown
  },
): Route {
  return definition as unknown as Route
}

export function routeKey(definition: { readonly method: string; readonly path: string }): string {
  return `${definition.method} ${definition.path}`
}
