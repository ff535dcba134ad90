import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { access } from '../src/api/access.ts'
import { routeKey } from '../src/api/route.ts'
import { allRoutes } from '../src/api/routes/all.ts'
import { printedJsonSchema } from '../src/api/schema/printed.ts'
import type { ApiServices } from '../src/api/services.ts'
import {
  type CommandSpec,
  commonOptions,
  gatewayOptions,
  type OptionSpec,
  outputOptions,
} from '../src/cli/frame/command-spec.ts'
import { exitCodes, exitMeanings } from '../src/cli/frame/failure.ts'
import { tree } from '../src/cli/frame/tree.ts'
import { type CatalogueEntry, catalogue } from '../src/errors/catalogue.ts'
import { documentsPage } from './reference/documents-page.ts'
import { code, page, rows } from './reference/markdown.ts'
import { metricsPage } from './reference/metrics-page.ts'

/**
 * The pages of docs/reference that are made from the code: `node scripts/reference.ts` writes them,
 * `node scripts/reference.ts --check` fails when one is stale.
 */
export async function referencePages(): Promise<Readonly<Record<string, string>>> {
  return {
    'docs/reference/cli.md': cliPage(),
    'docs/reference/errors.md': errorsPage(),
    'docs/reference/api.md': apiPage(),
    'docs/reference/documents.md': documentsPage(),
    'docs/reference/metrics.md': await metricsPage(),
    'docs/reference/output.schema.json': `${JSON.stringify(printedJsonSchema(), null, 2)}\n`,
  }
}

const root = dirname(import.meta.dirname)

/** Paths whose file is not what the code says. */
export async function stalePages(): Promise<string[]> {
  return Object.entries(await referencePages())
    .filter(([path, text]) => readOrEmpty(join(root, path)) !== text)
    .map(([path]) => path)
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function cliPage(): string {
  const groups = [...new Set(tree.map(spec => spec.group))]
  return page('Commands', [
    'Data goes to standard output, talk to standard error. Every command also takes `-h, --help`. What `-o json` and `-o yaml` print is of [this schema](output.schema.json): within an `apiVersion` a field that is there stays.',
    '## Exit codes',
    rows(
      ['code', 'meaning'],
      Object.entries(exitCodes).map(([name, code]) => [
        String(code),
        exitMeanings[name as keyof typeof exitCodes],
      ]),
    ),
    '## Options of many commands',
    `Of commands that talk to a gateway; a flag wins over the environment, the environment over the profile, and \`sallyport status\` prints which one won:`,
    optionRows(gatewayOptions),
    'Of commands that print data. JSON and YAML are versioned documents (`apiVersion`, `kind`); tables fit 80 columns when they are piped:',
    optionRows(outputOptions),
    'Of all:',
    optionRows(commonOptions),
    '## Environment',
    rows(
      ['variable', 'meaning'],
      [
        ['`SALLYPORT_GATEWAY`', 'gateway: name in the profile, or URL'],
        ['`SALLYPORT_CA_FILE`', 'PEM of its CA'],
        ['`SALLYPORT_TOKEN`', "token of a sign-in, instead of the one in the user's state directory"],
        ['`SALLYPORT_CODE`', 'one-time code for `sallyport login`'],
        ['`SALLYPORT_OUTPUT`', 'form of the answer, as `-o`'],
        ['`SALLYPORT_BROWSER`', 'program that opens the address of a sign-in'],
        ['`SALLYPORT_CONFIG_DIR`, `SALLYPORT_STATE_DIR`', 'instead of the folders of the platform'],
        ['`SALLYPORT_COMPLETION_MS`', 'how long completion may take to ask the gateway for names (250)'],
        ['`SALLYPORT_DEBUG`', 'print the stack of unexpected errors'],
        ['`HTTPS_PROXY`, `NO_PROXY`', 'as everywhere'],
      ],
    ),
    ...groups.flatMap(group => [
      `## ${group}`,
      ...tree.filter(spec => spec.group === group && spec.hidden !== true).map(commandSection),
    ]),
    '## Not in the help',
    ...tree.filter(spec => spec.hidden === true).map(commandSection),
  ])
}

function commandSection(spec: CommandSpec): string {
  const words = ['sallyport', ...spec.path, ...(spec.arguments ?? []).map(argument => argument.form)]
  const arguments_ = (spec.arguments ?? []).map(a => [
    code(a.form),
    a.description + (a.choices === undefined ? '' : `: ${a.choices.map(code).join(', ')}`),
  ])
  return [
    `### ${spec.path.join(' ')}`,
    `    ${words.join(' ')}`,
    `${spec.summary}.`,
    ...(arguments_.length === 0 ? [] : [rows(['argument', 'meaning'], arguments_)]),
    ...(spec.options === undefined ? [] : [optionRows(spec.options)]),
    ...(spec.examples === undefined ? [] : [spec.examples.map(line => `    ${line}`).join('\n')]),
  ].join('\n\n')
}

function optionRows(options: readonly OptionSpec[]): string {
  return rows(
    ['option', 'meaning'],
    options.map(o => [
      code(o.flags),
      `${o.description}${o.choices === undefined ? '' : `: ${o.choices.map(code).join(', ')}`}${o.many === true ? '; may be repeated' : ''}`,
    ]),
  )
}

function errorsPage(): string {
  const entries = Object.entries(catalogue) as [string, CatalogueEntry][]
  return page('Errors', [
    'Every way in which Sallyport refuses or fails. kubectl shows them as `metav1.Status`, the management API as problem documents (RFC 9457). Beside the code each carries the name of the rule or check that made it, and a request id that `sallyport why` and `sallyport audit show` take. The same text: `sallyport errors CODE`, without a network, and `/errors#CODE` of every gateway.',
    rows(
      ['code', 'HTTP', 'summary'],
      entries.map(([name, e]) => [`[\`${name}\`](#${name})`, String(e.status), e.summary]),
    ),
    ...entries.map(([name, e]) =>
      [
        `## ${name}`,
        `${sentenceOf(e.summary)}`,
        `* HTTP status ${e.status}, reason \`${e.reason}\``,
        `* Why: ${e.cause}`,
        `* What to do: ${e.next.replace(/: (sallyport .*)$/, ': `$1`')}`,
      ]
        .join('\n\n')
        .replace('`\n\n* Why', '`\n* Why')
        .replace('\n\n* What', '\n* What'),
    ),
  ])
}

function sentenceOf(summary: string): string {
  return `${summary[0]!.toUpperCase()}${summary.slice(1)}.`
}

function apiPage(): string {
  // The table of routes does not touch the services: none of them is called.
  const routes = allRoutes({ signIn: {} } as ApiServices, {
    attempts: { check() {}, failed() {} },
    metrics: undefined,
    openapi: () => ({}),
  })
  return page('Management API', [
    'Served by every gateway; `/openapi.json` describes bodies and answers. Tokens travel in `Authorization: Bearer` only, never in a URL. A verb is what policy decides about (`match.admin.verbs`); `<kind>` stands for `connection`, `identityprovider` or `policy`.',
    rows(
      ['route', 'verb', 'what'],
      routes.map(r => {
        const rule = access[routeKey(r)]!
        const verbs = rule.kind === 'public' ? `open: ${rule.why}` : rule.verbs.map(code).join(' or ')
        return [code(`${r.method} ${r.path.replace(/:(\w+)/g, '{$1}')}`), verbs, r.summary]
      }),
    ),
    'Lists come in pages: `limit`, and `continue` from `metadata.continue` of the page before until it is null. Every request after sign-in is an `admin.request` in the trail: its intent is durable before anything changes, its outcome before the answer leaves.',
  ])
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const stale = await stalePages()
    if (stale.length > 0) {
      process.stderr.write(`stale: ${stale.join(', ')}; write them anew with: node scripts/reference.ts\n`)
      process.exitCode = 1
    }
  } else {
    for (const [path, text] of Object.entries(await referencePages())) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
  }
}
