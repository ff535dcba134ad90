import { approvalRoutes } from './approval-routes.ts'
import { delegationRoutes } from './delegation-routes.ts'
import { glassRoutes } from './glass-routes.ts'
import { linkRoutes } from './link-routes.ts'
import { listRoutes } from './list-routes.ts'
import type { PageRoute } from './route.ts'

/** The first that fits answers: pages with names of their own stand before those of one approval. */
export const pageRoutes: readonly PageRoute[] = [
  ...listRoutes,
  ...delegationRoutes,
  ...linkRoutes,
  ...glassRoutes,
  ...approvalRoutes,
]
