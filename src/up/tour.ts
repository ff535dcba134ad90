import type { UpFacts } from './up.ts'

export interface TourLine {
  readonly about: string
  /** One line that can be pasted. */
  readonly line: string
}

/**
 * The lines that `up` prints. A test pastes each of them and looks at what comes back. The first one carries all that
 * the others need; `sallyport` and `kubectl` are written so that they work from a checkout, with nothing installed.
 */
export function tour(facts: UpFacts, kubectl: string, sallyport: string): TourLine[] {
  const settings = [
    `KUBECONFIG=${quoted(facts.kubeconfig)}`,
    `SALLYPORT_GATEWAY=${facts.url}`,
    `SALLYPORT_CA_FILE=${quoted(facts.caFile)}`,
    `SALLYPORT_STATE_DIR=${quoted(facts.stateDir)}`,
  ]
  const log = `${facts.dataDir}/log`
  return [
    {
      about: 'list pods through the gateway',
      line: `export ${settings.join(' ')} && ${kubectl} get pods -A`,
    },
    {
      about: 'create a secret and read it back: its value is masked',
      line: `${kubectl} create secret generic tour --from-literal=password=tr0ub4dor && ${kubectl} get secret tour -o yaml`,
    },
    { about: 'see what was recorded of the last call', line: `${sallyport} audit show --last` },
    { about: 'delete it again', line: `${kubectl} delete secret tour` },
    {
      about: 'verify the whole log, offline',
      line: `${sallyport} verify ${quoted(log)} --vkey ${quoted(`${log}/log.vkey`)} --live`,
    },
  ]
}

/** For POSIX shells; left as it is when nothing in it needs quoting. */
function quoted(path: string): string {
  return /^[A-Za-z0-9_./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
