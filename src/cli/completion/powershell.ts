import { liveOptions, livePaths } from './live-names.ts'
import { completions } from './words.ts'

export function powershellScript(): string {
  const all = completions()
  const entries = all.map(c => {
    const options = c.options.flatMap(o => (o.short === undefined ? [o.long] : [o.long, o.short]))
    return `    ${quote(c.path)} = @{ Words = @(${c.words.map(w => quote(w.word)).join(', ')}); Options = @(${options.map(quote).join(', ')}) }`
  })
  const values = all.flatMap(c =>
    c.options.flatMap(o =>
      Array.isArray(o.value)
        ? [`    ${quote(`${c.path} ${o.long}`)} = @(${(o.value as string[]).map(quote).join(', ')})`]
        : [],
    ),
  )
  return `# PowerShell completion for sallyport
Register-ArgumentCompleter -Native -CommandName sallyport -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $table = @{
${entries.join('\n')}
  }
  $values = @{
${values.join('\n')}
  }
  $typed = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($wordToComplete -ne '' -and $typed.Count -gt 0) { $typed = @($typed | Select-Object -SkipLast 1) }
  $path = ''
  foreach ($word in $typed) {
    if ($word.StartsWith('-')) { continue }
    $next = ("$path $word").Trim()
    if ($table.ContainsKey($next)) { $path = $next }
  }
  $previous = if ($typed.Count -gt 0) { $typed[-1] } else { '' }
  $here = $table[$path]
  $offer = if ($values.ContainsKey("$path $previous")) { $values["$path $previous"] }
    elseif ($wordToComplete.StartsWith('-')) { $here.Options }
    else { $here.Words }
  # Names that only the gateway knows: harmless words, within 250 ms, or none.
  $live = @(${[...livePaths].map(quote).join(', ')})
  $liveOptions = @(${liveOptions().map(quote).join(', ')})
  $isOption = $liveOptions -contains "$path $previous"
  if ($isOption -or (($live -contains $path) -and -not $wordToComplete.StartsWith('-'))) {
    $names = @(& $commandAst.CommandElements[0].ToString() complete-names '--' @typed 2>$null)
    $offer = if ($isOption) { $names } else { @($offer) + $names }
  }
  $offer | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
