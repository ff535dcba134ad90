import { Refusal } from '../../errors/refusal.ts'
import type { AnswerHandler } from '../../tunnel/contract.ts'
import type { AgentConnection } from '../agent.ts'
import type { MadeRequest } from '../upstream/api-client.ts'
import { checkUpstream } from './check-upstream.ts'
import type { UpstreamChecks } from './contract.ts'

/** One look at a connection at a time, whoever asks how often: the others wait for the same one. */
const running = new WeakMap<AgentConnection, Promise<Looked>>()

/** What was found, and the requests that it took: the gateway records them like every call of Sallyport's own. */
interface Looked extends UpstreamChecks {
  readonly requests: readonly MadeRequest[]
}

async function look(connection: AgentConnection): Promise<Looked> {
  const requests: MadeRequest[] = []
  const found = await checkUpstream(connection, request => requests.push(request))
  return { ...found, requests }
}

/** Looks at the upstream under the agent's own credentials and answers with what it found; nothing secret is in that. */
export function answerChecks(connection: AgentConnection, handler: AnswerHandler): () => void {
  let aborted = false
  let looking = running.get(connection)
  if (looking === undefined) {
    looking = look(connection).finally(() => running.delete(connection))
    running.set(connection, looking)
  }
  looking.then(
    found => {
      if (aborted) return
      handler.onHead(200, ['content-type', 'application/json'], { pause() {}, resume() {} })
      handler.onData(Buffer.from(JSON.stringify(found)))
      handler.onEnd()
    },
    cause => {
      if (!aborted) handler.onError(new Refusal('internal', { cause }))
    },
  )
  return () => {
    aborted = true
  }
}
