import type { CompiledMasking } from '../../masking/rules/compile.ts'
import { exitCodes, Failure } from '../frame/failure.ts'
import { problemLines } from '../output/problems.ts'
import { readSources } from './sources.ts'

/** The shipped rules with those of the documents in these files, as a gateway would have them. */
export async function rulesOf(files: readonly string[]): Promise<CompiledMasking> {
  const { compileSources } = await import('../../masking/rules/compile-sources.ts')
  const { masking, problems } = compileSources(files.length === 0 ? [] : readSources(files))
  if (masking !== null) return masking
  throw new Failure({
    exitCode: exitCodes.failed,
    what: 'these rules would not load',
    places: problemLines(problems.filter(p => p.severity === 'error')),
  })
}
