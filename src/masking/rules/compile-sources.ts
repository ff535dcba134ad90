import { parseDocuments, type SourceText } from '../../documents/parse.ts'
import { errorsOf, type Problem } from '../../documents/problem.ts'
import { type CompiledMasking, compileMasking } from './compile.ts'
import { shippedDetectors } from './detectors.ts'
import { isMaskingRules, maskingProblems } from './problems.ts'

/** The rules of documents in texts, beside the shipped ones; null when one has an error. Other documents are passed over. */
export function compileSources(sources: readonly SourceText[]): {
  readonly masking: CompiledMasking | null
  readonly problems: readonly Problem[]
} {
  const parsed = parseDocuments(sources)
  const problems = [...parsed.problems, ...maskingProblems(parsed.documents, shippedDetectors)]
  if (errorsOf(problems).length > 0) return { masking: null, problems }
  const documents = parsed.documents.filter(isMaskingRules).map(d => d.document)
  return { masking: compileMasking(documents, shippedDetectors), problems }
}
