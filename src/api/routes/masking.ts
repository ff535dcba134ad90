import { apiVersion } from '../present.ts'
import { type Route, route } from '../route.ts'
import { maskingListSchema } from '../schema/masking.ts'
import type { ApiServices } from '../services.ts'

export function maskingRoutes(services: ApiServices): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/masking/rules',
      summary: 'Masking rules in force, where they come from, and exemptions',
      response: maskingListSchema,
      handle: () => {
        const { digest, rules, exemptions } = services.masking.list()
        return {
          apiVersion,
          kind: 'MaskingList',
          digest,
          rules: rules.map(rule => ({ ...rule, places: [...rule.places], scope: [...rule.scope] })),
          exemptions: exemptions.map(e => ({ ...e, rules: [...e.rules], scope: [...e.scope] })),
        }
      },
    }),
  ]
}
