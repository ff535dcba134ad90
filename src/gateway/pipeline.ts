import type { Received } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import { authenticate } from './stages/authenticate.ts'
import { classify } from './stages/classify.ts'
import { decide } from './stages/decide.ts'
import { deliver } from './stages/deliver.ts'
import { filter } from './stages/filter.ts'
import { foresee } from './stages/foresee.ts'
import { forward } from './stages/forward.ts'
import { hold, refusedAhead } from './stages/hold.ts'
import { commitIntent } from './stages/intent.ts'
import { mask } from './stages/mask.ts'
import { refuse } from './stages/refuse.ts'
import { resolveConnection } from './stages/resolve.ts'
import { restoreMasked } from './stages/restore.ts'
import { completeReview, reviewAccess } from './stages/review.ts'
import { checkSelectors } from './stages/select.ts'
import { send } from './stages/send.ts'
import { openSession } from './stages/session.ts'

/**
 * The data path. Every Kubernetes request takes these lines in this order; ARCHITECTURE.md draws them with the
 * answer a caller gets at each exit. A stage returns the exchange with more in it, or throws: a Refusal of the
 * catalogue becomes the caller's answer, anything else becomes `internal` and is recorded.
 */
export async function handle(gateway: Gateway, received: Received): Promise<void> {
  try {
    const authenticated = await authenticate(gateway, received) //         401, 503
    const routed = resolveConnection(gateway, authenticated) //            404, 503
    const inSession = await openSession(gateway, routed) //                401, 403, 429, 503
    const classified = await classify(gateway, inSession) //               400, 405, 406, 408, 413, 415
    const trial = foresee(gateway, classified) //                          409, 502, 503: a dry run, if rules look at the result
    const decided = decide(gateway, trial === undefined ? classified : await trial) // 403, 429
    const selected = checkSelectors(gateway, decided) //                   400
    const held = await hold(gateway, selected) //                          403, 409, 429: waits here, if it must
    const restored = await restoreMasked(gateway, held) //                 422, 502, 503
    const committed = await commitIntent(gateway, restored) //             503: the log takes nothing
    if (restored.action.hasSideEffect) await committed.intent //            503: the log cannot be written
    const known =
      refusedAhead(committed) ?? //                                        the cluster's own refusal
      reviewAccess(gateway, committed) //                                  can-i: policy's no
    const forwarded = known ?? (await send(gateway, committed, forward)) // 403, 409, 502, 503, 504
    const answered = known ?? (await completeReview(gateway, forwarded)) // can-i: policy beside the cluster's yes
    const masking = mask(gateway, answered) //                             502
    const filtered = await filter(gateway, masking) //                     403, 502
    await deliver(gateway, filtered) //                                    502, 503
  } catch (error) {
    await refuse(gateway, received, error)
  } finally {
    received.progress.release?.()
  }
}
