import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { runProgram } from '../e2e/rig.ts'

interface Kubeconfig {
  readonly users: readonly {
    readonly user: { readonly exec: { readonly command: string; readonly args: string[] } }
  }[]
}

/** The bearer token that the exec plugin of a kubeconfig's first user hands out. */
export async function pluginToken(kubeconfig: string): Promise<string> {
  const { users } = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
  const { command, args } = users[0]!.user.exec
  const { code, stdout, stderr } = await runProgram(command, args)
  if (code !== 0) throw new Error(`the exec plugin failed (exit ${code}): ${stderr}`)
  return (JSON.parse(stdout) as { status: { token: string } }).status.token
}
