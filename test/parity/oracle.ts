import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { RequestInfo } from '../../src/kubernetes/request/contract.ts'
import { buildProgram } from '../../testbed/build-program.ts'

/** What testbed/oracle prints; see its classify.go. */
export type OracleAnswer = { readonly refused: string } | OracleReading

export interface OracleReading extends RequestInfo {
  readonly refused?: undefined
  readonly routed: boolean
  readonly status: number
  readonly upgrade: '' | 'websocket' | 'SPDY/3.1' | 'other'
  readonly longRunning: boolean
  readonly query: Readonly<Record<string, readonly string[]>>
}

export function buildOracle(): Promise<string> {
  return buildProgram('oracle')
}

/** One answer for each request, in order. */
export async function askOracle(
  executable: string,
  requests: readonly Uint8Array[],
): Promise<OracleAnswer[]> {
  const child = spawn(executable, [], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => (code === 0 ? resolve() : reject(new Error(`the oracle ended with ${code}`))))
  })
  const answers: OracleAnswer[] = []
  createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on('line', line => {
    answers.push(JSON.parse(line) as OracleAnswer)
  })
  child.stdin.on('error', () => {})
  child.stdin.end(requests.map(request => `${Buffer.from(request).toString('base64')}\n`).join(''))
  await ended
  if (answers.length !== requests.length)
    throw new Error(`the oracle answered ${answers.length} of ${requests.length} requests`)
  return answers
}
