import { SELF } from '../audit/acts.ts'
import type { AuditLog, Head, NewEntry } from '../audit/entry.ts'
import { Refusal } from '../errors/refusal.ts'
import { parseRequest } from '../kubernetes/request/parse.ts'
import type { AgentLink, AnswerHandler, RecordedLink, UpstreamCall } from '../tunnel/contract.ts'
import { newCallId } from './call-id.ts'
import { errorFacts } from './record.ts'

/** A call that Sallyport makes by itself, for no caller. */
export interface OwnCall {
  readonly connection: string
  /** Why: `tokenreview`, `discovery`, `jwks`, `local-admins`, … */
  readonly purpose: string
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly agent?: string
  /** Whom the agent tried to be, when it looked whether it can. */
  readonly as?: string
  /** The session that it is for. */
  readonly session?: string
  /** More that the entry says. */
  readonly facts?: Readonly<Record<string, unknown>>
}

/** A call that an agent made by itself, for a check. */
export interface MadeCall {
  readonly id: string
  readonly at: number
  readonly milliseconds: number
  /** 0: there was no answer. */
  readonly status: number
}

/** The same with what it was; an agent's answer holds a list of them. */
export interface MadeRequest extends MadeCall {
  readonly method: string
  readonly target: string
  readonly as?: string
}

/** What came of an act: its status, and the requests that it took. */
export interface Acted {
  readonly status: number
  readonly requests: readonly MadeRequest[]
}

/**
 * Records what Sallyport itself asks of API servers, as entries of kind `agent.call` under the actor `sallyport`. Each
 * call gets an id that is its `Audit-ID` upstream as well. Without a record there is no call, or no use of its answer.
 */
export interface OwnCalls {
  /**
   * The same link; what is sent through it is recorded, and its answer ends only when that is durable. `purpose`: of calls
   * that are made as somebody, which say none themselves.
   */
  through(link: AgentLink, purpose?: string): RecordedLink
  /** A call that changes nothing: recorded before its answer is used, several in one entry when many come at once. */
  read(call: OwnCall, send: (auditId: string) => Promise<number>): Promise<number>
  /** A call that changes something: intent durable, then the call, then its outcome durable. `send` resolves with the status. */
  change(call: OwnCall, send: (auditId: string) => Promise<number>): Promise<number>
  /**
   * Something that an agent does with requests of its own: intent durable, then the act, then its outcome durable with
   * the requests that it took, under their own ids. `agent` says which one it was.
   */
  act<T extends Acted>(call: OwnCall, send: (auditId: string) => Promise<T>): Promise<T>
  /** A read that an agent made by itself, under an id of its own. */
  made(call: OwnCall, how: MadeCall): Promise<void>
  /** Waits for what is still being written. */
  close(): Promise<void>
}

export interface OwnCallsOptions {
  readonly log: Pick<AuditLog, 'append'>
  readonly now: () => number
  /** Milliseconds between two entries of reads; those that end meanwhile share the next one. Default 25. */
  readonly interval?: number
}

/** Calls in one entry; keeps its head well below the size of a record. */
const MOST_PER_ENTRY = 64
const INTERVAL = 25

interface EndedRead {
  readonly id: string
  readonly call: OwnCall
  readonly begun: number
  readonly result: NonNullable<Head['result']>
  readonly error?: NonNullable<Head['error']>
}

interface Waiting {
  readonly read: EndedRead
  resolve(): void
  reject(error: unknown): void
}

export function createOwnCalls(options: OwnCallsOptions): OwnCalls {
  const { log, now } = options
  const interval = options.interval ?? INTERVAL
  let waiting: Waiting[] = []
  let timer: NodeJS.Timeout | undefined
  let lastWritten = Number.NEGATIVE_INFINITY
  const writing = new Set<Promise<void>>()

  /** The first is written at once; those that end soon after share an entry, so that a burst costs few of them. */
  function record(read: EndedRead): Promise<void> {
    return new Promise((resolve, reject) => {
      waiting.push({ read, resolve, reject })
      const due = lastWritten + interval - performance.now()
      if (due <= 0 || waiting.length >= MOST_PER_ENTRY) flush()
      else timer ??= setTimeout(flush, due)
    })
  }

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    if (waiting.length === 0) return
    const batch = waiting
    waiting = []
    lastWritten = performance.now()
    const written = log.append(readsEntry(batch.map(each => each.read))).then(
      () => batch.forEach(each => void each.resolve()),
      error => batch.forEach(each => void each.reject(error)),
    )
    writing.add(written)
    void written.finally(() => writing.delete(written))
  }

  async function read(call: OwnCall, send: (auditId: string) => Promise<number>): Promise<number> {
    const id = newCallId(now())
    const begun = now()
    try {
      const status = await send(id)
      await record({ id, call, begun, result: resultOf(status, now() - begun) })
      return status
    } catch (error) {
      await record({ id, call, begun, ...failureOf(error, now() - begun) })
      throw error
    }
  }

  function through(link: AgentLink, purpose?: string): RecordedLink {
    return {
      recorded: true,
      get name() {
        return link.name
      },
      get connected() {
        return link.connected
      },
      dispatch: (call, handler) => dispatchRead(link, call, handler, purpose),
      close: () => link.close(),
    }
  }

  function dispatchRead(
    link: AgentLink,
    call: UpstreamCall,
    handler: AnswerHandler,
    purpose = call.identity.purpose ?? 'unknown',
  ): () => void {
    const id = newCallId(now())
    const begun = now()
    const facts: OwnCall = {
      connection: call.connection,
      purpose,
      method: call.method,
      target: call.target,
      // A link that chooses among several is called by all their names: which one it took is not known here.
      ...(link.name.includes(',') ? {} : { agent: link.name }),
      ...(call.identity.user === '' ? {} : { as: call.identity.user }),
    }
    let status = 0
    let over = false
    const end = (ended: Omit<EndedRead, 'id' | 'call' | 'begun'>, tell: () => void): void => {
      if (over) return
      over = true
      record({ id, call: facts, begun, ...ended }).then(tell, error => handler.onError(asRefusal(error)))
    }
    const abort = link.dispatch(
      { ...call, auditId: id },
      {
        onHead(answered, headers, controller) {
          status = answered
          handler.onHead(answered, headers, controller)
        },
        onData: chunk => handler.onData(chunk),
        onEnd: () => end({ result: resultOf(status, now() - begun) }, () => handler.onEnd()),
        onError: error => end(failureOf(error, now() - begun, status), () => handler.onError(error)),
      },
    )
    return () => {
      abort()
      if (over) return
      over = true
      const result = { ...resultOf(status, now() - begun), ended: 'aborted-by-caller' } as const
      // Whoever aborted waits for nothing; a log that cannot take it is sealed, and says so by itself.
      record({ id, call: facts, begun, result }).catch(() => {})
    }
  }

  return {
    through,
    read,
    made: (call, how) => record(endedRead(call, how)),
    async change(call, send) {
      const id = newCallId(now())
      const begun = now()
      await log.append(changeEntry(id, 'intent', headOf(call)))
      let status: number
      try {
        status = await send(id)
      } catch (error) {
        await log.append(changeEntry(id, 'outcome', endOf(call, failureOf(error, now() - begun))))
        throw error
      }
      await log.append(changeEntry(id, 'outcome', endOf(call, { result: resultOf(status, now() - begun) })))
      return status
    },
    async act<T extends Acted>(call: OwnCall, send: (auditId: string) => Promise<T>): Promise<T> {
      const id = newCallId(now())
      const begun = now()
      await log.append(changeEntry(id, 'intent', headOf(call), call.session))
      const outcome = (ended: Pick<EndedRead, 'result' | 'error'>, requests: readonly MadeRequest[]) => {
        const calls = requests.slice(0, MOST_PER_ENTRY).map(one => factsOf(madeBy(call, one)))
        const facts = { purpose: call.purpose, ...call.facts, calls }
        return changeEntry(id, 'outcome', { ...endOf(call, ended), facts }, call.session)
      }
      let done: T
      try {
        done = await send(id)
      } catch (error) {
        await log.append(outcome(failureOf(error, now() - begun), []))
        throw error
      }
      const { status, requests } = done
      const entries = [outcome({ result: resultOf(status, now() - begun) }, requests)]
      for (let at = MOST_PER_ENTRY; at < requests.length; at += MOST_PER_ENTRY) {
        entries.push(readsEntry(requests.slice(at, at + MOST_PER_ENTRY).map(one => madeBy(call, one))))
      }
      await Promise.all(entries.map(entry => log.append(entry)))
      return done
    },
    async close() {
      flush()
      await Promise.all(writing)
    },
  }
}

function endedRead(call: OwnCall, { id, at, milliseconds, status }: MadeCall): EndedRead {
  const ended =
    status > 0
      ? { result: resultOf(status, milliseconds) }
      : failureOf(new Refusal('upstream-unreachable'), milliseconds)
  return { id, call, begun: at, ...ended }
}

function madeBy({ connection, purpose, agent }: OwnCall, request: MadeRequest): EndedRead {
  const { method, target, as } = request
  const call = {
    connection,
    purpose,
    method,
    target,
    ...(agent === undefined ? {} : { agent }),
    ...(as === undefined ? {} : { as }),
  }
  return endedRead(call, request)
}

function readsEntry(reads: readonly EndedRead[]): NewEntry {
  const [first] = reads
  const connections = new Set(reads.map(({ call }) => call.connection))
  const head: Head =
    reads.length === 1
      ? { ...headOf(first!.call), ...endOf(first!.call, first!) }
      : {
          principal: SELF,
          ...(connections.size === 1 ? { connection: first!.call.connection } : {}),
          facts: { calls: reads.map(factsOf) },
        }
  return { ...common(first!.id), phase: 'state', head }
}

function changeEntry(id: string, phase: 'intent' | 'outcome', head: Head, session?: string): NewEntry {
  return { ...common(id), phase, head, session: session ?? null }
}

function common(call: string): Omit<NewEntry, 'head' | 'phase'> {
  return { call, kind: 'agent.call', session: null, effect: null, policyDigest: null }
}

function headOf(call: OwnCall): Head {
  return {
    principal: SELF,
    connection: call.connection,
    request: { method: call.method, uri: call.target },
    action: actionOf(call),
    facts: { purpose: call.purpose, ...call.facts },
  }
}

function endOf(call: OwnCall, ended: Pick<EndedRead, 'result' | 'error'>): Head {
  return {
    result: ended.result,
    ...(call.as === undefined ? {} : { upstream: { mode: 'agent', user: call.as, groups: [] } }),
    ...(call.agent === undefined ? {} : { agent: call.agent }),
    ...(ended.error === undefined ? {} : { error: ended.error }),
  }
}

/** One of several calls in an entry. */
function factsOf({ id, call, begun, result, error }: EndedRead): Readonly<Record<string, unknown>> {
  return {
    id,
    connection: call.connection,
    purpose: call.purpose,
    method: call.method,
    uri: call.target.slice(0, 512),
    action: actionOf(call),
    at: begun,
    code: result.code,
    ended: result.ended,
    milliseconds: result.milliseconds,
    ...(call.as === undefined ? {} : { as: call.as }),
    ...(call.agent === undefined ? {} : { agent: call.agent }),
    ...(error === undefined ? {} : { error }),
  }
}

/** The same words as for a caller's request, from the same parser. */
function actionOf(call: OwnCall): Readonly<Record<string, unknown>> {
  const parsed = parseRequest({ method: call.method, target: call.target, rawHeaders: [] })
  if (parsed.refused) return {}
  const { info } = parsed
  if (!info.isResource) return { verb: info.verb, path: info.path }
  const facts: Record<string, unknown> = {
    verb: info.verb,
    resource: info.resource,
    apiVersion: info.apiVersion,
  }
  for (const name of ['apiGroup', 'subresource', 'namespace', 'name'] as const) {
    if (info[name] !== '') facts[name] = info[name]
  }
  // What is tried out for approvers must not read as if it had been done.
  if (parsed.query.some(([name, value]) => name === 'dryRun' && value === 'All')) facts.dryRun = true
  return facts
}

function resultOf(code: number, milliseconds: number): NonNullable<Head['result']> {
  return { code, bytesIn: 0, bytesOut: 0, milliseconds, ended: 'complete' }
}

function failureOf(
  error: unknown,
  milliseconds: number,
  code = 0,
): Pick<EndedRead, 'result'> & { readonly error: NonNullable<Head['error']> } {
  const ended =
    error instanceof Refusal && error.code === 'denied-by-agent' ? 'refused' : 'aborted-by-upstream'
  return {
    result: { ...resultOf(code, milliseconds), ended },
    error: errorFacts(error instanceof Refusal ? error : new Refusal('upstream-unreachable')),
  }
}

function asRefusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal('audit-unavailable', { cause: error })
}
