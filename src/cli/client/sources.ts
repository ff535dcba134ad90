import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { usage } from '../frame/failure.ts'

export interface Source {
  readonly file: string
  readonly text: string
}

/** Texts of files and of directories (`.yaml`, `.yml`, `.json`, also in folders below, in order of name); `-` is standard input. */
export function readSources(files: readonly string[]): Source[] {
  if (files.length === 0) throw usage('no file was named', 'name files or directories: -f FILE')
  const sources = files.flatMap(file => {
    if (file === '-') return [{ file: 'standard input', text: readFileSync(0, 'utf8') }]
    if (!existsSync(file)) throw usage(`there is no file ${file}`)
    return statSync(file).isDirectory() ? documentsIn(file) : [{ file, text: readFileSync(file, 'utf8') }]
  })
  if (sources.length === 0) throw usage(`there is no .yaml, .yml or .json file in ${files.join(', ')}`)
  return sources
}

function documentsIn(directory: string): Source[] {
  const names = readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  return names.flatMap(entry => {
    const file = join(directory, entry.name)
    if (entry.name.startsWith('.')) return []
    if (entry.isDirectory()) return documentsIn(file)
    return /\.(ya?ml|json)$/.test(entry.name) ? [{ file, text: readFileSync(file, 'utf8') }] : []
  })
}
