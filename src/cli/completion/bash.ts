import { liveOptions, livePaths } from './live-names.ts'
import { completions } from './words.ts'

/** Works with bash 3.2 (macOS) and later, without the bash-completion package. */
export function bashScript(): string {
  const all = completions()
  const words = all.map(c => `    '${c.path}') words='${c.words.map(w => w.word).join(' ')}' ;;`)
  const options = all
    .filter(c => c.options.length > 0)
    .map(c => {
      const names = c.options.flatMap(o => (o.short === undefined ? [o.long] : [o.long, o.short]))
      return `    '${c.path}') options='${names.join(' ')} --help' ;;`
    })
  const values = all.flatMap(c =>
    c.options.flatMap(o => {
      if (o.value === undefined) return []
      const names = [o.long, ...(o.short === undefined ? [] : [o.short])].map(name => `'${c.path} ${name}'`)
      const what = o.value === 'file' ? 'files=1' : `words='${o.value === 'any' ? '' : o.value.join(' ')}'`
      return [`    ${names.join('|')}) value=1; ${what} ;;`]
    }),
  )
  const groups = all
    .filter(c => c.path !== '' && all.some(d => d.path.startsWith(`${c.path} `)))
    .map(c => c.path)
  return `# bash completion for sallyport
_sallyport_names() { "\${COMP_WORDS[0]}" complete-names -- "\${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null; }
_sallyport() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local path='' words='' options='' files='' value='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in -*) continue ;; esac
    if [ -z "$path" ]; then path="\${COMP_WORDS[i]}"
    else case "$path" in ${groups.map(g => `'${g}'`).join('|')}) path="$path \${COMP_WORDS[i]}" ;; esac
    fi
  done
  case "$path" in
${words.join('\n')}
  esac
  case "$path" in
${options.join('\n')}
  esac
  case "$path $previous" in
${values.join('\n')}
  esac
  if [ -n "$files" ]; then COMPREPLY=($(compgen -f -- "$current")); return; fi
  if [ -z "$value" ]; then case "$current" in -*) words="$options" ;; esac; fi
  # Names that only the gateway knows: harmless words, within 250 ms, or none.
  case "$path $previous" in ${liveOptions()
    .map(o => `'${o}'`)
    .join('|')}) words=$(_sallyport_names) ;;
  *) case "$path" in ${livePaths.map(p => `'${p}'`).join('|')})
    case "$value:$current" in 1:*|:-*) ;; *) words="$words $(_sallyport_names)" ;; esac ;; esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _sallyport sallyport
`
}
