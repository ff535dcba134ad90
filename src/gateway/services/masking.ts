import type { MaskingServices } from '../../api/services.ts'
import type { CompiledMasking } from '../../masking/rules/compile.ts'
import { describeMasking } from '../../masking/rules/describe.ts'
import { maskSample } from '../../masking/rules/mask-sample.ts'

export interface MaskingServicesParts {
  masking(): CompiledMasking
  now(): number
}

export function maskingServices(parts: MaskingServicesParts): MaskingServices {
  return {
    list: () => describeMasking(parts.masking(), parts.now()),
    test: sample => maskSample(parts.masking(), sample, parts.now()),
  }
}
