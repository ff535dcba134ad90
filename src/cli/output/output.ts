import type { Column } from './table.ts'

export const formats = ['table', 'wide', 'json', 'yaml', 'name'] as const
export type Format = (typeof formats)[number]

/** Standard output: data, in the form that was asked for. */
export interface Output {
  readonly format: Format
  readonly quiet: boolean
  /** A versioned document with rows. `names` are lines for `-o name`. */
  list<T>(
    document: object,
    rows: readonly T[],
    columns: readonly Column<T>[],
    name: (row: T) => string,
  ): Promise<void>
  /** One versioned document; `text` for people, without the final newline. */
  one(document: object, text: string, name: string): Promise<void>
  /** Text as it is: scripts, diffs. */
  raw(text: string): void
}

export interface OutputOptions {
  readonly format: Format
  readonly headers: boolean
  readonly quiet: boolean
  readonly width: number
  write(text: string): void
}

/** Characters per line where nobody can say: pipes and files. */
export const PIPED_WIDTH = 80

export function createOutput(options: OutputOptions): Output {
  const { format, write } = options
  const machine = async (document: object): Promise<void> => {
    if (format === 'json') write(`${escapeControls(JSON.stringify(document, null, 2))}\n`)
    else {
      const { toYaml } = await import('./yaml.ts')
      write(escapeControls(toYaml(document)))
    }
  }
  return {
    format,
    quiet: options.quiet,
    async list(document, rows, columns, name) {
      if (format === 'json' || format === 'yaml') return machine(document)
      if (format === 'name') return write(rows.map(row => `${name(row)}\n`).join(''))
      const { table } = await import('./table.ts')
      write(table(rows, columns, { width: options.width, wide: format === 'wide', headers: options.headers }))
    },
    async one(document, text, name) {
      if (format === 'json' || format === 'yaml') return machine(document)
      write(format === 'name' ? `${name}\n` : `${text}\n`)
    },
    raw: write,
  }
}

/** What JSON lets through and a terminal obeys: C1 controls and bidirectional overrides. Escaped, it stays the same JSON. */
function escapeControls(text: string): string {
  return text.replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
