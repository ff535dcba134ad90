import type { Run } from './context.ts'

/** One command as data. Its file is loaded when it runs and not before. */
export interface CommandSpec {
  /** `['audit', 'search']`. */
  readonly path: readonly string[]
  readonly summary: string
  readonly group: Group
  readonly arguments?: readonly ArgumentSpec[]
  readonly options?: readonly OptionSpec[]
  /** Takes -o and --no-headers. */
  readonly output?: boolean
  /** Does not talk to a gateway: takes no --gateway. */
  readonly local?: boolean
  readonly hidden?: boolean
  readonly examples?: readonly string[]
  load(): Promise<{ readonly run: Run }>
}

export type Group = 'Every day' | 'Audit' | 'Operate' | 'Policy'

export interface ArgumentSpec {
  /** `<name>`, `[name]`, `[words...]`. */
  readonly form: string
  readonly description: string
  readonly choices?: readonly string[]
}

export interface OptionSpec {
  /** `-f, --filename <file>`. */
  readonly flags: string
  readonly description: string
  readonly choices?: readonly string[]
  /** May be given more than once; the value is an array. */
  readonly many?: boolean
  readonly file?: boolean
}

export const gatewayOptions: readonly OptionSpec[] = [
  { flags: '--gateway <url>', description: 'gateway: name in the profile, or URL (SALLYPORT_GATEWAY)' },
  { flags: '--ca-file <file>', description: 'PEM of its CA (SALLYPORT_CA_FILE)', file: true },
]

export const outputOptions: readonly OptionSpec[] = [
  {
    flags: '-o, --output <format>',
    description: 'form of the answer (SALLYPORT_OUTPUT)',
    choices: ['table', 'wide', 'json', 'yaml', 'name'],
  },
  { flags: '--no-headers', description: 'tables without their first line' },
]

export const commonOptions: readonly OptionSpec[] = [
  { flags: '-q, --quiet', description: 'no talk on standard error' },
]

export const groupSummaries: Readonly<Record<string, string>> = {
  keys: 'Keys that wrap the keys of log and masking',
  connection: 'Clusters, and how to reach them',
  profile: 'Gateways that this user knows',
  session: 'Who is on which connection, until when',
  audit: 'The trail',
  mask: 'What is masked, and by which rule',
  approval: 'What waits for another person to say yes',
  delegation: 'Who decides in whose place',
  grant: 'What approvals have opened',
  channel: 'Accounts of chats and trackers, and in whose name they decide',
  reveal: 'Break-glass: sealed originals, opened by two persons',
  shred: 'Destroy keys, so that what they open is gone',
  hold: 'Legal holds: what must not be destroyed',
  agent: 'Agents, the processes that hold upstream credentials',
  policy: 'Check, test, explain, replay and suggest policies',
}

/** All options of a command, its own first. */
export function optionsOf(spec: CommandSpec): readonly OptionSpec[] {
  return [
    ...(spec.options ?? []),
    ...(spec.output === true ? outputOptions : []),
    ...(spec.local === true ? [] : gatewayOptions),
    ...commonOptions,
  ]
}
