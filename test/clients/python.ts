import { pythonWith } from '../../testbed/python.ts'

/** A Python that has the Kubernetes client. */
export function pythonWithKubernetes(): Promise<string> {
  return pythonWith('kubernetes==37.0.2')
}
