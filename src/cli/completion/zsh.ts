import { liveOptions, livePaths } from './live-names.ts'
import { completions, type OptionWords } from './words.ts'

export function zshScript(): string {
  const all = completions()
  const describe = all
    .filter(c => c.words.length > 0)
    .map(c => {
      const words = c.words.map(w =>
        quote(w.summary === '' ? w.word : `${w.word}:${w.summary.replaceAll(':', '\\:')}`),
      )
      return `    ${quote(c.path)}) words_here=(${words.join(' ')}) ;;`
    })
  const options = all
    .filter(c => c.options.length > 0)
    .map(c => `    ${quote(c.path)}) options_here=(${c.options.flatMap(optionLines).join(' ')}) ;;`)
  const values = all.flatMap(c =>
    c.options.flatMap(o => {
      if (o.value === undefined) return []
      const names = [o.long, ...(o.short === undefined ? [] : [o.short])].map(name =>
        quote(`${c.path} ${name}`),
      )
      const what =
        o.value === 'file'
          ? '_files; return'
          : `compadd -- ${o.value === 'any' ? '' : o.value.join(' ')}; return`
      return [`    ${names.join('|')}) ${o.value === 'any' ? 'return' : what} ;;`]
    }),
  )
  const groups = all
    .filter(c => c.path !== '' && all.some(d => d.path.startsWith(`${c.path} `)))
    .map(c => c.path)
  return `#compdef sallyport
# zsh completion for sallyport
_sallyport_names() { "\${words[1]}" complete-names -- "\${(@)words[2,CURRENT-1]}" 2>/dev/null }
_sallyport() {
  local here='' word i
  local -a words_here options_here
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    [[ "$word" == -* ]] && continue
    if [[ -z "$here" ]]; then here="$word"
    else case "$here" in ${groups.map(quote).join('|')}) here="$here $word" ;; esac
    fi
  done
  # Names that only the gateway knows: harmless words, within 250 ms, or none.
  case "$here \${words[CURRENT-1]}" in
    ${liveOptions().map(quote).join('|')}) compadd -- \${(f)"$(_sallyport_names)"}; return ;;
${values.join('\n')}
  esac
  case "$here" in
${describe.join('\n')}
  esac
  case "$here" in
${options.join('\n')}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then _describe -o 'option' options_here
  elif [[ "$here" == (${livePaths.map(p => p.replace(' ', '\\ ')).join('|')}) ]]; then
    (( \${#words_here} )) && _describe 'word' words_here
    compadd -- \${(f)"$(_sallyport_names)"}
  elif (( \${#words_here} )); then _describe 'word' words_here
  else _files
  fi
}
if [ "$funcstack[1]" = "_sallyport" ]; then _sallyport "$@"; else compdef _sallyport sallyport; fi
`
}

function optionLines(option: OptionWords): string[] {
  const summary = option.summary.replaceAll(':', '\\:')
  return [option.long, ...(option.short === undefined ? [] : [option.short])].map(name =>
    quote(`${name}:${summary}`),
  )
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
