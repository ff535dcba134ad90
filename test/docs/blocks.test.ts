import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { type FixtureName, fixtureNames, openFixtures } from './fixtures.ts'
import { notRun } from './not-run.ts'
import { type Block, beginsLike, looksLike, type Page, pages } from './pages.ts'
import { openShell } from './shell.ts'

/**
 * Runs what the pages tell a reader to type, in order, in one shell a page:
 *
 * * `sh` runs and must succeed, `sh exit=4` must end with that code, `sh background` goes on running
 * * `text` right behind it is what it prints; `…` stands for anything
 * * `yaml NAME`, `text NAME` (a name has a dot in it) is a file that the reader saves
 * * `console` is not run, and `not-run.ts` says why
 */
const languages = ['sh', 'text', 'yaml', 'json', 'console']
const fixtures = openFixtures()
after(() => fixtures.close())

const all = pages()

for (const page of all) {
  test(`${page.path}: every block is of a kind that is looked at`, () => {
    assert.deepEqual(page.indented, [], 'lines that look like code without a fence')
    for (const { language, line } of page.blocks)
      assert.ok(languages.includes(language), `line ${line}: a block of ${JSON.stringify(language)}`)
    const runs = page.blocks.some(block => block.language === 'sh')
    assert.equal(runs, page.fixture !== undefined, 'a page with commands says what they need, others do not')
    if (runs) assert.ok(fixtureNames.includes(page.fixture as FixtureName), `no fixture ${page.fixture}`)
  })
}

for (const page of all.filter(each => each.fixture !== undefined)) {
  test(`${page.path}: its commands do what it says`, { timeout: 400_000 }, t =>
    runPage(page, step => t.diagnostic(step)),
  )
}

test('what is not run is listed with its reason, and nothing else is listed', () => {
  const found = all.flatMap(page =>
    page.blocks
      .filter(block => block.language === 'console')
      .map(block => `${page.path}: ${block.text.split('\n')[0]}`),
  )
  assert.deepEqual(found.sort(), notRun.map(([page, line]) => `${page}: ${line}`).sort())
  for (const [, , reason] of notRun) assert.ok(reason.length > 20, reason)
})

async function runPage(page: Page, tell: (step: string) => void): Promise<void> {
  const { cwd, env, real } = await fixtures.open(page.fixture as FixtureName, page.text)
  const shell = openShell({ cwd, env, patience: 120_000 })
  const started = performance.now()
  try {
    for (const [i, block] of page.blocks.entries()) {
      const file = block.words.find(word => word.includes('.'))
      if (block.language !== 'sh' && file !== undefined) {
        mkdirSync(dirname(join(cwd, file)), { recursive: true })
        writeFileSync(join(cwd, file), real(block.text))
      }
      if (block.language !== 'sh') continue
      const next = page.blocks[i + 1]
      const shown = next?.language === 'text' && next.words.length === 0 ? real(next.text) : undefined
      const at = `${page.path}, line ${block.line}`
      if (block.words.includes('background')) {
        await shell.background(real(block.text), output => shown === undefined || beginsLike(output, shown))
      } else {
        const done = await shell.run(real(block.text))
        assert.equal(done.code, expectedCode(block), `${at}: exit code\n${done.output}`)
        if (shown !== undefined && !looksLike(done.output, shown))
          assert.fail(`${at} prints\n${done.output}\nand not\n${shown}`)
      }
    }
  } finally {
    const ran = performance.now() - started
    await shell.close()
    const closed = performance.now() - started - ran
    tell(`${page.blocks.length} blocks in ${Math.round(ran)} ms, ended in ${Math.round(closed)} ms`)
  }
}

function expectedCode(block: Block): number {
  const word = block.words.find(each => each.startsWith('exit='))
  return word === undefined ? 0 : Number(word.slice('exit='.length))
}
