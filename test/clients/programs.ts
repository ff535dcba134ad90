import { join } from 'node:path'
import { buildProgram } from '../../testbed/build-program.ts'
import type { Program } from './compare.ts'
import { pythonWithKubernetes } from './python.ts'

/** The typed client-go program of the testbed. */
export async function goProgram(): Promise<Program> {
  const command = await buildProgram('goclient')
  return { command, args: side => ['--kubeconfig', side.kubeconfig, '--namespace', side.namespace] }
}

export function javascriptProgram(): Program {
  const file = join(import.meta.dirname, 'javascript.ts')
  return { command: process.execPath, args: side => [file, side.kubeconfig, side.namespace] }
}

export async function pythonProgram(): Promise<Program> {
  const command = await pythonWithKubernetes()
  const file = join(import.meta.dirname, 'client.py')
  return { command, args: side => [file, side.kubeconfig, side.namespace] }
}
