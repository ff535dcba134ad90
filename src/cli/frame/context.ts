import type { ApiClient } from '../client/client.ts'
import type { ChosenGateway } from '../config/gateway.ts'
import type { Paths } from '../config/paths.ts'
import type { Output } from '../output/output.ts'

/** What a command gets beside its own arguments and options. */
export interface Context {
  readonly env: NodeJS.ProcessEnv
  readonly paths: Paths
  readonly output: Output
  /** Talk for people, to stderr; silent with --quiet. */
  say(line: string): void
  /** Warnings and prompts; not silenced. */
  warn(line: string): void
  /** Which gateway, and what decided it. Throws a Failure when nothing names one. */
  gateway(): Promise<ChosenGateway>
  /** The client of that gateway, with the token of the present sign-in if there is one. */
  client(): Promise<ApiClient>
}

export type Options = Readonly<Record<string, unknown>>

/** What each command's file exports as `run`. Resolves with the exit code. */
export type Run = (context: Context, args: readonly string[], options: Options) => Promise<number>

export function text(options: Options, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

export function texts(options: Options, name: string): readonly string[] {
  const value = options[name]
  return Array.isArray(value) ? value.map(String) : typeof value === 'string' ? [value] : []
}

export function flag(options: Options, name: string): boolean {
  return options[name] === true
}
