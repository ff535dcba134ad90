import type { MaskingServices } from '../../api/services.ts'
import type { CompiledMasking } from '../../masking/rules/compile.ts'
import { describeMasking } from '../../masking/rules/describe.ts'

export interface MaskingServicesParts {
  masking(): CompiledMasking
  now(): number
}

export function maskingServices(parts: MaskingServicesParts): MaskingServices {
  return { list: () => describeMasking(parts.masking(), parts.now()) }
}
