import { Refusal } from '../../errors/refusal.ts'
import { type Sample, UnreadableSample } from '../../masking/rules/mask-sample.ts'
import { apiVersion } from '../present.ts'
import { type Route, route } from '../route.ts'
import { maskingInForceSchema, maskingTestBody, maskingTestSchema } from '../schema/masking.ts'
import type { ApiServices } from '../services.ts'

export function maskingRoutes(services: ApiServices): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/masking/rules',
      summary: 'Masking rules in force, where they come from, and exemptions',
      response: maskingInForceSchema,
      handle: () => {
        const { digest, rules, exemptions } = services.masking.list()
        return {
          apiVersion,
          kind: 'MaskingInForce',
          digest,
          rules: rules.map(rule => ({ ...rule, places: [...rule.places], scope: [...rule.scope] })),
          exemptions: exemptions.map(e => ({ ...e, rules: [...e.rules], scope: [...e.scope] })),
        }
      },
    }),
    route({
      method: 'POST',
      path: '/v1/masking/test',
      summary: 'What the masking rules would do to a text; the text is not recorded',
      body: maskingTestBody,
      response: maskingTestSchema,
      handle: x => ({ apiVersion, kind: 'MaskingTest', ...tried(services, x.body) }),
    }),
  ]
}

function tried(services: ApiServices, sample: Sample) {
  try {
    const { digest, exempt, places, masked } = services.masking.test(sample)
    return { digest, exempt: [...exempt], places: places.map(place => ({ ...place })), masked }
  } catch (error) {
    if (!(error instanceof UnreadableSample)) throw error
    throw new Refusal('input-invalid', { check: 'text', detail: error.message })
  }
}
