import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { pages, root } from './pages.ts'

const files = ['*.md', 'docs/**/*.md', 'bench/*.md', 'testbed/*.md']
  .flatMap(pattern => globSync(pattern, { cwd: root }))
  .map(path => path.replaceAll('\\', '/'))
  .sort()

/** Text of a page without code, where brackets mean something else. */
function prose(path: string): string {
  return readFileSync(join(root, path), 'utf8')
    .replace(/^\s*```[\s\S]*?^\s*```\s*$/gm, '')
    .replace(/`[^`\n]*`/g, match => '`'.repeat(match.length))
}

/** As GitHub names the anchors of headings: a second one of the same name gets -1. */
function anchorsOf(path: string): Set<string> {
  const text = readFileSync(join(root, path), 'utf8').replace(/^\s*```[\s\S]*?^\s*```\s*$/gm, '')
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  for (const [, heading] of text.matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    anchors.add(count === 0 ? slug : `${slug}-${count}`)
  }
  return anchors
}

for (const path of files) {
  test(`${path}: no link leads nowhere`, () => {
    for (const [, target] of prose(path).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target!)) continue
      const [file = '', anchor] = target!.split('#')
      const found = file === '' ? path : relative(root, join(root, dirname(path), file)).replaceAll('\\', '/')
      assert.ok(existsSync(join(root, found)), `${target}: no such file`)
      if (anchor === undefined) continue
      assert.ok(statSync(join(root, found)).isFile(), `${target}: an anchor in a folder`)
      assert.ok(anchorsOf(found).has(anchor), `${target}: no such heading`)
    }
  })
}

test('the map names every page', () => {
  const map = prose('docs/README.md')
  const missing = pages()
    .map(page => page.path)
    .filter(path => path !== 'README.md' && path !== 'docs/README.md')
    .filter(path => !map.includes(`](${path.slice('docs/'.length)})`))
  assert.deepEqual(missing, [])
})
