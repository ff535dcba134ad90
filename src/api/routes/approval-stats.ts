import { approvalStats } from '../approval-stats.ts'
import { listOf } from '../present.ts'
import { type Route, route } from '../route.ts'
import { approvalStatsSchema, statsQuery } from '../schema/approvals.ts'
import type { ApiServices } from '../services.ts'

export function approvalStatsRoutes(services: ApiServices): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/approval-stats',
      summary: 'How the approvals of each rule went, from the trail',
      query: statsQuery,
      response: approvalStatsSchema,
      handle: async x => {
        const items = await approvalStats(services, services.now() - x.query.days * 86_400_000)
        return listOf('ApprovalStatsList', { items }, ({ medianSeconds, ...rest }) => ({
          ...rest,
          ...(medianSeconds === null ? {} : { medianSeconds }),
        }))
      },
    }),
  ]
}
