import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Registry } from 'prom-client'
import { Refusal } from '../errors/refusal.ts'
import { createAttemptLimit } from '../identity/attempt-limit.ts'
import { access, type Judged } from './access.ts'
import { bearerOf } from './bearer.ts'
import { decide } from './decide.ts'
import { placesOf } from './invalid.ts'
import { createMeter } from './metrics.ts'
import { openapiOptions } from './openapi.ts'
import { problemOf } from './problem.ts'
import { intentOf, type Recorded } from './record.ts'
import { refusalOf } from './refusal.ts'
import { type DecidedExchange, type Route, routeKey } from './route.ts'
import { allRoutes } from './routes/all.ts'
import type { ApiCaller, ApiServices } from './services.ts'
import { settle } from './settle.ts'
import { serializerCompiler, validatorCompiler } from './validate.ts'

export interface ApiOptions {
  /** Answers GET /metrics, and takes the API's own metrics. */
  readonly metrics?: Registry
  /** A request-target, or another text, as the trail may show it. */
  shown?(text: string): string
}

export interface Api {
  /** Takes a request of HTTP/1.1 or of HTTP/2's compatibility API from any listener. Never throws. */
  handle(request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse): void
  /** Resolves when the routes are in place; requests that come earlier wait for it. */
  readonly ready: Promise<void>
  /** OpenAPI 3.1; after `ready`. */
  openapi(): object
  /** Ends open tails and refuses what comes later. */
  close(): Promise<void>
}

const same = (text: string): string => text

/** Bytes of a request body. Documents come as text, up to a few hundred at once. */
const BODY_LIMIT = 4 * 1024 * 1024

/** What the hooks know of a request, beside Fastify's own. */
export interface Progress {
  readonly recorded: Recorded
  readonly bearer: string | undefined
  caller?: ApiCaller
  failure?: Refusal
  /** The answer is a stream: recorded when it is over. */
  streaming?: boolean
}

declare module 'fastify' {
  interface FastifyRequest {
    progress: Progress
  }
  interface FastifyContextConfig {
    key?: string
  }
}

/**
 * The management API: Fastify without a server of its own. Order of a request: authenticate, validate, decide,
 * record the intent, handle, record the outcome, answer. Nothing leaves before its record is durable.
 */
export function createApi(services: ApiServices, options: ApiOptions = {}): Api {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    exposeHeadRoutes: false,
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false },
    // Answers on connections that somebody else listens on: this server never listens.
    serverFactory: handler => createServer(handler),
    frameworkErrors: (error, request, reply) => fail(services, request, reply, error),
  })
  const closing = new AbortController()
  const attempts = createAttemptLimit(services.now)
  const meter = options.metrics === undefined ? undefined : createMeter(options.metrics)

  app.removeContentTypeParser('text/plain')
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.decorateRequest('progress', null as unknown as Progress)
  app.setErrorHandler((error, request, reply) => fail(services, request, reply, error))
  app.setNotFoundHandler((request, reply) =>
    fail(
      services,
      request,
      reply,
      new Refusal('resource-unknown', { check: 'route', detail: 'there is no such route' }),
    ),
  )
  app.addHook('onRequest', async (request, reply) => begin(services, options, request, reply))
  app.addHook('onSend', (request, reply, payload) => settle(services, request, reply, payload))
  app.addHook('onResponse', async (request, reply) => {
    meter?.observe(request.routeOptions.config.key ?? 'none', reply.statusCode, reply.elapsedTime / 1000)
  })

  const routes = allRoutes(services, { attempts, metrics: options.metrics, openapi: () => app.swagger() })
  const ready = (async () => {
    await app.register(swagger, openapiOptions(services.version, routes))
    await app.register(async scope => {
      for (const route of routes) add(scope, services, route, closing.signal)
    })
    await app.ready()
  })()
  ready.catch(() => {})

  let isReady = false
  ready.then(
    () => {
      isReady = true
    },
    () => {},
  )
  return {
    handle(request, response) {
      const go = (): void => app.routing(request as IncomingMessage, response as ServerResponse)
      if (isReady) go()
      else ready.then(go, () => (response as ServerResponse).writeHead(503).end())
    },
    ready,
    openapi: () => app.swagger(),
    async close() {
      closing.abort()
      await app.close()
    },
  }
}

async function begin(
  services: ApiServices,
  options: ApiOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const call = services.newCallId()
  const { shown = same } = options
  const { socket } = request.raw
  const recorded: Recorded = {
    call,
    client: {
      address: socket?.remoteAddress ?? '',
      port: socket?.remotePort ?? 0,
      userAgent: shown((request.headers['user-agent'] ?? '').slice(0, 256)),
    },
    method: request.method,
    uri: shown(request.url.slice(0, 2048)),
    startedAt: services.now(),
  }
  reply.headers({
    'x-request-id': call,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  const progress: Progress = { recorded, bearer: undefined }
  request.progress = progress
  // A stream that its reader leaves is over without `onResponse`.
  reply.raw.once('close', () => {
    if (request.progress.streaming === true) void settle(services, request, reply, undefined)
  })
  const key = request.routeOptions.config.key ?? ''
  const rule = access[key]
  if (!key.includes(' /v1/') && rule?.kind !== 'decided') return
  const bearer = bearerOf(request.raw.rawHeaders)
  request.progress = { ...progress, bearer }
  if (rule === undefined || rule.kind === 'public') return
  if (bearer === undefined) throw new Refusal('credential-missing')
  const caller = await services.authenticate(bearer, recorded.client)
  request.progress.caller = caller
  recorded.principal = caller.principal
  if (caller.sessionId !== undefined) recorded.sessionId = caller.sessionId
}

function add(app: FastifyInstance, services: ApiServices, route: Route, closing: AbortSignal): void {
  const key = routeKey(route)
  const rule = access[key]
  if (rule === undefined) throw new Error(`route ${key} is missing in the access table`)
  app.route({
    method: route.method,
    url: route.path,
    config: { key },
    schema: {
      summary: route.summary,
      ...(route.body === undefined ? {} : { body: route.body }),
      ...(route.query === undefined ? {} : { querystring: route.query }),
      ...(route.params === undefined ? {} : { params: route.params }),
      response: { [route.status ?? 200]: route.response },
    },
    preHandler: async request => {
      if (rule.kind === 'public') return
      const { recorded, caller } = request.progress
      const judged: Judged = {
        principal: caller!.principal,
        params: request.params as Record<string, string>,
        query: request.query as Record<string, unknown>,
        body: request.body,
      }
      await decide(services, rule, judged, recorded)
      await services.record(intentOf(recorded))
      recorded.intentWritten = true
    },
    handler: async (request, reply) => {
      reply.code(route.status ?? 200)
      if (route.produces !== undefined) reply.type(route.produces)
      return route.handle(exchangeOf(request, reply, closing))
    },
  })
}

function exchangeOf(request: FastifyRequest, reply: FastifyReply, closing: AbortSignal): DecidedExchange {
  const { progress } = request
  return {
    call: progress.recorded.call,
    client: progress.recorded.client,
    body: request.body,
    query: request.query,
    params: request.params,
    bearer: progress.bearer,
    caller: progress.caller!,
    recorded: progress.recorded,
    reply,
    get peerCertificate() {
      const socket = request.raw.socket as Partial<TLSSocket>
      return socket.authorized === true ? socket.getPeerCertificate?.().raw : undefined
    },
    get signal() {
      const left = new AbortController()
      reply.raw.once('close', () => left.abort())
      return AbortSignal.any([left.signal, closing])
    },
  }
}

function fail(
  services: ApiServices,
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
): FastifyReply {
  const refusal = refusalOf(error)
  // Errors of the framework itself come before the first hook.
  const call = request.progress?.recorded.call ?? services.newCallId()
  if (refusal.code === 'internal') services.broke(error, call)
  if (request.progress !== null && request.progress !== undefined) request.progress.failure = refusal
  if (refusal.status === 401) reply.header('www-authenticate', 'Bearer realm="sallyport"')
  if (refusal.retryAfter !== undefined) reply.header('retry-after', String(refusal.retryAfter))
  const errors = placesOf(refusal)
  return reply
    .code(refusal.status)
    .type('application/problem+json')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send(problemOf(refusal, call, errors))
}
