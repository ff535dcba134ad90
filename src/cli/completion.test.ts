import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { bashScript } from './completion/bash.ts'
import { fishScript } from './completion/fish.ts'
import { powershellScript } from './completion/powershell.ts'
import { completions } from './completion/words.ts'
import { zshScript } from './completion/zsh.ts'
import { tree } from './frame/tree.ts'

const scripts = { bash: bashScript(), zsh: zshScript(), fish: fishScript(), powershell: powershellScript() }

test('every visible command and option is in every script, and no hidden command', () => {
  for (const [shell, script] of Object.entries(scripts)) {
    for (const { path, options } of completions()) {
      for (const word of path.split(' ')) assert.ok(script.includes(word), `${shell}: ${word}`)
      for (const { long } of options)
        assert.ok(script.includes(shell === 'fish' ? long.slice(2) : long), `${shell}: ${long}`)
    }
    assert.doesNotMatch(script, /\bcredential\b/, shell)
  }
})

test('bash completes words, options, values and nothing else', () => {
  const complete = (...words: string[]): string[] => {
    const program = `${scripts.bash}
COMP_WORDS=(${words.map(w => `'${w}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_sallyport; printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['--noprofile', '--norc', '-c', program]).toString().trim().split('\n')
  }
  assert.deepEqual(complete('sallyport', 'au'), ['audit'])
  const below = tree.flatMap(({ path: [noun, verb], hidden }) => (noun === 'audit' && !hidden ? [verb] : []))
  assert.deepEqual(complete('sallyport', 'audit', ''), below)
  assert.deepEqual(complete('sallyport', 'audit', 'ta'), ['tail'])
  assert.deepEqual(complete('sallyport', 'audit', 'search', '--dec'), ['--decision'])
  assert.deepEqual(complete('sallyport', 'audit', 'search', '--decision', 'd'), ['deny'])
  assert.deepEqual(complete('sallyport', 'whoami', '-o', 'ya'), ['yaml'])
  assert.deepEqual(complete('sallyport', 'completion', 'z'), ['zsh'])
  assert.deepEqual(complete('sallyport', 'get', 'p'), ['policies'])
  assert.deepEqual(complete('sallyport', 'audit', 'search', '--user', ''), [''])
})

test('scripts are accepted by the shells that are here', () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const run = spawnSync(shell, ['-n'], { input: scripts[shell] })
    if (run.error !== undefined) continue
    assert.equal(run.status, 0, `${shell}: ${run.stderr}`)
  }
  const balanced = (open: string, close: string): boolean =>
    scripts.powershell.split(open).length === scripts.powershell.split(close).length
  assert.ok(balanced('{', '}') && balanced('(', ')'))
})

test('the tree: short summaries, each path once, options spelled the same way everywhere', () => {
  const paths = tree.map(spec => spec.path.join(' '))
  assert.equal(new Set(paths).size, paths.length)
  const meanings = new Map<string, string>()
  for (const spec of tree) {
    assert.ok(spec.summary.length <= 90, spec.summary)
    assert.doesNotMatch(spec.summary, /\.$/)
    for (const option of spec.options ?? []) {
      const short = /^(-\w), (--[a-z-]+)/.exec(option.flags)
      if (short === null) continue
      const before = meanings.get(short[1]!)
      assert.ok(before === undefined || before === short[2], `${short[1]} means ${before} and ${short[2]}`)
      meanings.set(short[1]!, short[2]!)
    }
  }
})

test('every command can be loaded and exports run', async () => {
  for (const spec of tree) {
    if (spec.path[0] === 'up') continue
    assert.equal(typeof (await spec.load()).run, 'function', spec.path.join(' '))
  }
})
