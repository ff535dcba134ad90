import type { RuleMatch } from '../../documents/schema/policy.ts'
import type { Action, Circumstances } from '../decision.ts'
import { type ClientMatch, compileClient, matchesClient } from './client.ts'
import { compileImages, type ImageMatch, imagesOf } from './images.ts'
import { compileTime, type TimeMatch } from './time-windows.ts'

/** Fields of a rule that most rules do not have: when, from where, with which images, for real or not. */
export interface Circumstantial {
  readonly time: TimeMatch | null
  readonly client: ClientMatch | null
  readonly images: ImageMatch | null
  readonly dryRun: boolean | null
}

export const circumstantialFields = ['time', 'dryRun', 'client', 'images'] as const
export type CircumstantialField = (typeof circumstantialFields)[number]

export function compileCircumstantial(match: RuleMatch): Circumstantial | null {
  const { time, client, images, dryRun } = match
  if (time === undefined && client === undefined && images === undefined && dryRun === undefined) return null
  return {
    time: compileTime(time),
    client: compileClient(client),
    images: compileImages(images),
    dryRun: dryRun ?? null,
  }
}

/** What an allow rule needs: all of it holds, and nothing of it is unknown. */
export function coversCircumstances(rule: Circumstantial, action: Action, c: Circumstances): boolean {
  for (const field of circumstantialFields) if (holds(rule, field, action, c, true) !== true) return false
  return true
}

/** What a rule that stops something needs: none of it is known not to hold. */
export function touchesCircumstances(rule: Circumstantial, action: Action, c: Circumstances): boolean {
  for (const field of circumstantialFields) if (holds(rule, field, action, c, false) === false) return false
  return true
}

/** Null: this request does not say. `whole`: of images all are meant, not any. */
export function holds(
  rule: Circumstantial,
  field: CircumstantialField,
  action: Action,
  c: Circumstances,
  whole: boolean,
): boolean | null {
  switch (field) {
    case 'time':
      return rule.time === null || rule.time.holds(c.now)
    case 'dryRun':
      if (rule.dryRun === null) return true
      return action.protocol === 'k8s' ? action.query.dryRun === rule.dryRun : null
    case 'client':
      return rule.client === null || matchesClient(rule.client, c.client)
    case 'images': {
      if (rule.images === null) return true
      const images = action.protocol === 'k8s' ? imagesOf(action) : null
      return whole ? rule.images.all(images) : rule.images.some(images)
    }
  }
}
