import type { z } from 'zod'
import type { Problem } from './problem.ts'
import { knownKeys } from './schema-words.ts'
import { didYouMean } from './suggest.ts'
import type { Path, SourceDocument } from './yaml-source.ts'

/** What a schema says against a document, each at the place in the file that has to change. */
export function validateDocument(schema: z.ZodType, source: SourceDocument, file: string): Problem[] {
  const result = schema.safeParse(source.value)
  const problems: Problem[] = []
  const report = (path: Path, message: string, key?: string): void => {
    const at = key === undefined ? source.locate(path) : source.locateKey(path, key)
    problems.push({ file, ...at, path: readablePath(path), message, severity: 'error' })
  }
  if (!result.success) for (const issue of result.error.issues) explain(issue, source, schema, report)
  refuseStrayReferences(source.value, [], report)
  return problems
}

type Report = (path: Path, message: string, key?: string) => void

function explain(issue: z.core.$ZodIssue, source: SourceDocument, schema: z.ZodType, report: Report): void {
  const path = issue.path as Path
  const value = valueAt(source.value, path)
  switch (issue.code) {
    case 'unrecognized_keys':
      for (const key of issue.keys) {
        report(path, `unknown key ${quote(key)}${didYouMean(key, knownKeys(schema, path))}`, key)
      }
      return
    case 'invalid_value': {
      const values = issue.values.map(String)
      if (value === undefined) {
        report(path, `is required: ${oneOf(values)}`)
        return
      }
      const hint = typeof value === 'string' ? didYouMean(value, values) : ''
      report(path, `must be ${oneOf(values)}, not ${describe(value)}${hint}`)
      return
    }
    case 'invalid_type':
      if (value === undefined) report(path, 'is required')
      // Only what it is: a secret in the wrong place must not end up in a log.
      else report(path, `must be ${article(issue.expected)}, not ${shape(value)}`)
      return
    case 'invalid_key':
      // Of a map whose names have a form: what is wrong with the name.
      report(path, issue.issues[0]?.message ?? issue.message)
      return
    default:
      report(path, issue.message)
  }
}

/** `spec.rules[2].match.verbs` */
export function readablePath(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[A-Za-z_][\w-]*$/.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${quote(step)}]`
  }
  return text
}

/** Fields in which a reference is meant to be resolved; anywhere else it would be taken as plain text, unnoticed. */
const REFERENCE_FIELDS = new Set([
  'spec.oidc.login.clientSecret',
  'spec.oidc.ca',
  'spec.webhook.secret',
  'spec.webhook.formerSecret',
  'spec.slack.token',
  'spec.slack.signingSecret',
  'spec.slack.formerSigningSecret',
  'spec.slack.ca',
  'spec.teams.url',
  'spec.teams.ca',
  'spec.webhook.ca',
  'spec.roundup.password',
  'spec.roundup.ca',
  'spec.matrix.accessToken',
  'spec.matrix.ca',
  'spec.jira.apiToken',
  'spec.jira.webhookSecret',
  'spec.jira.ca',
  'spec.servicenow.password',
  'spec.servicenow.oauth.clientSecret',
  'spec.servicenow.wakeSecret',
  'spec.servicenow.ca',
  'spec.mail.password',
  'spec.mail.ca',
])

function refuseStrayReferences(value: unknown, path: Path, report: Report): void {
  if (typeof value === 'string') {
    const reference = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(value) || value.startsWith('file:')
    if (reference && !REFERENCE_FIELDS.has(readablePath(path))) {
      report(path, 'references to files and variables are allowed only where a secret or a CA is expected')
    }
  } else if (Array.isArray(value)) {
    value.forEach((item, i) => {
      refuseStrayReferences(item, [...path, i], report)
    })
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) refuseStrayReferences(item, [...path, key], report)
  }
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<string | number, unknown>)[step]
  }
  return at
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? values[0]! : `one of ${values.join(', ')}`
}

function article(type: string): string {
  if (type === 'object' || type === 'record') return 'a mapping'
  if (type === 'array') return 'a list'
  return type === 'int' ? 'an integer' : `a ${type}`
}

function describe(value: unknown): string {
  return typeof value === 'string' ? quote(value) : shape(value)
}

function shape(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  return typeof value === 'string' ? 'text' : `a ${typeof value}`
}

/** Safe in a terminal, and short. */
function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
