/** What one look found. `cure` is a line that can be pasted, where there is one. */
export interface Check {
  /** Stable: `dns`, `tls-expiry`, `kubeconfig-exec`. */
  readonly check: string
  readonly level: 'ok' | 'note' | 'warning' | 'failed'
  /** One clause. */
  readonly text: string
  readonly cure?: string | undefined
}

export function ok(check: string, text: string): Check {
  return { check, level: 'ok', text }
}

export function warning(check: string, text: string, cure?: string): Check {
  return { check, level: 'warning', text, ...(cure === undefined ? {} : { cure }) }
}

export function failed(check: string, text: string, cure?: string): Check {
  return { check, level: 'failed', text, ...(cure === undefined ? {} : { cure }) }
}

/** For people: one line a check, the cure below it. */
export function checkLines(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(c => c.check.length))
  return checks
    .flatMap(c => [
      `${c.level.padEnd(7)}  ${c.check.padEnd(width)}  ${c.text}`,
      ...(c.cure === undefined ? [] : [`${' '.repeat(9)}cure: ${c.cure}`]),
    ])
    .join('\n')
}
