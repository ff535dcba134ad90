import { liveOptions, livePaths } from './live-names.ts'
import { completions } from './words.ts'

export function fishScript(): string {
  const all = completions()
  const lines = [
    '# fish completion for sallyport',
    'complete -c sallyport -f',
    '# Names that only the gateway knows: harmless words, within 250 ms, or none.',
    'function __sallyport_names; set -l w (commandline -opc); $w[1] complete-names -- $w[2..-1] 2>/dev/null; end',
  ]
  const live = new Set(liveOptions())
  for (const { path, words, options } of all) {
    const when = condition(
      path,
      all.map(c => c.path),
    )
    for (const { word, summary } of words) {
      lines.push(
        `complete -c sallyport -n ${quote(when)} -a ${quote(word)}${summary === '' ? '' : ` -d ${quote(summary)}`}`,
      )
    }
    if (livePaths.includes(path))
      lines.push(`complete -c sallyport -n ${quote(when)} -a '(__sallyport_names)'`)
    for (const option of options) {
      const short = option.short === undefined ? '' : ` -s ${option.short.slice(1)}`
      const value =
        option.value === undefined
          ? ''
          : option.value === 'file'
            ? ' -r -F'
            : live.has(`${path} ${option.long}`)
              ? " -x -a '(__sallyport_names)'"
              : option.value === 'any'
                ? ' -x'
                : ` -x -a ${quote(option.value.join(' '))}`
      lines.push(
        `complete -c sallyport -n ${quote(when)} -l ${option.long.slice(2)}${short}${value} -d ${quote(option.summary)}`,
      )
    }
  }
  return `${lines.join('\n')}\n`
}

function condition(path: string, paths: readonly string[]): string {
  if (path === '') return '__fish_use_subcommand'
  const seen = path.split(' ').map(word => `__fish_seen_subcommand_from ${word}`)
  const below = paths.filter(p => p.startsWith(`${path} `)).map(p => p.split(' ')[1])
  return [
    ...seen,
    ...(below.length === 0 ? [] : [`not __fish_seen_subcommand_from ${below.join(' ')}`]),
  ].join('; and ')
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`
}
