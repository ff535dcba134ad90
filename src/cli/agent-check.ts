import { printable } from '../audit/sentence.ts'
import { API_VERSION } from '../brand.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'

/** On the agent's machine: asks the cluster, with the agent's own credentials, which locks it has. */
export const run: Run = async (context, _args, options) => {
  const file = text(options, 'config')
  if (file === undefined) throw usage('agent check needs --config FILE')
  const [{ openConnection }, { readAgentConfig }, { checkUpstream }] = await Promise.all([
    import('../agent/run.ts'),
    import('../agent/config.ts'),
    import('../agent/checks/check-upstream.ts'),
  ])
  const connections = []
  try {
    const config = await readAgentConfig(file)
    for (const one of config.connections) connections.push(await checkUpstream(await openConnection(one)))
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    throw new Failure({ exitCode: exitCodes.failed, what: `the agent cannot run: ${what}` })
  }
  const ok = connections.every(one => one.findings.every(finding => finding.level !== 'danger'))
  const lines = connections.flatMap(one => [
    `${one.connection}: Kubernetes ${one.serverVersion ?? 'unknown'}, as ${one.sessionUser ?? 'unknown'}`,
    ...one.findings.flatMap(({ level, check, text: sentence, advice }) => [
      `  ${level.padEnd(8)} ${sentence} (${check})`,
      ...(advice === undefined ? [] : [`           ${advice}`]),
    ]),
  ])
  const document = { apiVersion: API_VERSION, kind: 'AgentCheck', ok, connections }
  await context.output.one(document, lines.map(printable).join('\n'), ok ? 'ok' : 'failed')
  return ok ? exitCodes.done : exitCodes.failed
}
