import { API_VERSION } from '../brand.ts'
import { readSources } from './client/sources.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { problemLines } from './output/problems.ts'

/** Offline: the engine itself is loaded here, not asked over the network. */
export const run: Run = async (context, files) => {
  const { checkPolicies } = await import('../policy/check.ts')
  const sources = readSources(files)
  const problems = checkPolicies(sources)
  const errors = problems.filter(p => p.severity === 'error').length
  const document = { apiVersion: API_VERSION, kind: 'PolicyCheck', ok: errors === 0, problems }
  const count = `${sources.length} ${sources.length === 1 ? 'file' : 'files'}`
  const summary = errors === 0 ? `ok: ${count}` : `${errors} ${errors === 1 ? 'error' : 'errors'} in ${count}`
  await context.output.one(
    document,
    [...problemLines(problems), summary].join('\n'),
    errors === 0 ? 'ok' : 'failed',
  )
  return errors === 0 ? exitCodes.done : exitCodes.failed
}
