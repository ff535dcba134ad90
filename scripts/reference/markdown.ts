const note = '<!-- Made by scripts/reference.ts from the code. Do not edit. -->'

export function page(title: string, parts: readonly string[]): string {
  return `${[`# ${title}`, note, ...parts].join('\n\n')}\n`
}

export function rows(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map(c => c.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...body.map(line)].join('\n')
}

export function code(text: string): string {
  return `\`${text}\``
}
