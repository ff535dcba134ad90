import { Argument, Command, CommanderError, Option } from 'commander'
import {
  type ArgumentSpec,
  type CommandSpec,
  groupSummaries,
  type OptionSpec,
  optionsOf,
} from './command-spec.ts'
import { exitCodes, usage } from './failure.ts'
import { tree } from './tree.ts'

/** What was typed, understood: a command with its arguments and options. */
export interface Chosen {
  readonly spec: CommandSpec
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, unknown>>
}

/** Help or version was asked for and printed. */
export interface Answered {
  readonly exitCode: number
}

/** Parses a command line against the tree. Help goes to `write`; what is wrong is a Failure of exit code 2. */
export function parseCommandLine(
  argv: readonly string[],
  version: string,
  write: (text: string) => void,
  width: number,
): Chosen | Answered {
  let chosen: Chosen | undefined
  const program = buildProgram(version, width, found => {
    chosen = found
  })
  let complaint = ''
  configure(program, write, text => {
    complaint += text
  })
  if (argv.length === 0) {
    write(program.helpInformation())
    return { exitCode: exitCodes.done }
  }
  try {
    program.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { exitCode: exitCodes.done }
    if (error.code === 'commander.help') {
      write(complaint)
      return { exitCode: exitCodes.usage }
    }
    const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
    const nearest = /Did you mean (.+)\?/.exec(rest.join(' '))?.[1]
    const next = nearest === undefined ? `see the options: sallyport ${wordsOf(argv)}--help` : undefined
    throw usage(nearest === undefined ? first : `${first}; did you mean ${nearest}?`, next)
  }
  return chosen ?? { exitCode: exitCodes.usage }
}

export function buildProgram(version: string, width: number, run: (chosen: Chosen) => void): Command {
  const program = new Command('sallyport')
    .description('Identity-aware gateway for Kubernetes: sign in, use connections, see what was done.')
    .version(version, '-V, --version', 'version of this program')
    .helpOption('-h, --help', 'help for a command')
    .helpCommand(false)
    .configureHelp({ helpWidth: width, subcommandTerm: termOf })
  const parents = new Map<string, Command>()
  for (const spec of tree) {
    const name = spec.path.at(-1)!
    const parent = spec.path.length === 1 ? program : parentOf(program, parents, spec)
    const command = parent.command(name, { hidden: spec.hidden === true }).description(spec.summary)
    if (spec.path.length === 1) command.helpGroup(`${spec.group}:`)
    for (const argument of spec.arguments ?? []) command.addArgument(argumentOf(argument))
    for (const option of optionsOf(spec)) command.addOption(optionOf(option))
    if (spec.examples !== undefined) {
      command.addHelpText('after', `\nExamples:\n${spec.examples.map(line => `  ${line}`).join('\n')}`)
    }
    command.action((...received: unknown[]) => {
      const values = received.slice(0, spec.arguments?.length ?? 0)
      const args = values.flat().filter((value): value is string => typeof value === 'string')
      run({ spec, args, options: command.opts() })
    })
  }
  return program
}

function parentOf(program: Command, parents: Map<string, Command>, spec: CommandSpec): Command {
  const name = spec.path[0]!
  const known = parents.get(name)
  if (known !== undefined) return known
  const made = program
    .command(name)
    .description(groupSummaries[name]!)
    .helpGroup(`${spec.group}:`)
    .helpCommand(false)
  parents.set(name, made)
  return made
}

/** In lists of commands: name and arguments, so that the summaries stay on one line. */
function termOf(command: Command): string {
  return [
    command.name(),
    ...command.registeredArguments.map(a => (a.required ? `<${a.name()}>` : `[${a.name()}]`)),
  ].join(' ')
}

function argumentOf(spec: ArgumentSpec): Argument {
  const argument = new Argument(spec.form, spec.description)
  return spec.choices === undefined ? argument : argument.choices([...spec.choices])
}

function optionOf(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.description)
  if (spec.choices !== undefined) option.choices([...spec.choices])
  if (spec.many === true)
    option.argParser((value: string, all: string[] | undefined) => [...(all ?? []), value])
  return option
}

function configure(command: Command, write: (text: string) => void, complain: (text: string) => void): void {
  command.exitOverride().configureOutput({ writeOut: write, writeErr: complain, outputError: () => {} })
  for (const child of command.commands) configure(child, write, complain)
}

/** The command words of a command line that could not be parsed, for the hint. */
function wordsOf(argv: readonly string[]): string {
  const spec = tree.find(one => one.path.every((word, i) => argv[i] === word))
  if (spec !== undefined) return `${spec.path.join(' ')} `
  return argv[0] !== undefined && argv[0] in groupSummaries ? `${argv[0]} ` : ''
}
