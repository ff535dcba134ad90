import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { agentConfigSchema } from '../../src/agent/config.ts'
import { API_VERSION } from '../../src/brand.ts'
import { parseDocuments } from '../../src/documents/parse.ts'
import { formatProblem } from '../../src/documents/problem.ts'
import { policyTestSchema } from '../../src/policy/testing/schema.ts'
import { pages } from './pages.ts'

for (const page of pages()) {
  for (const block of page.blocks.filter(each => each.language === 'yaml')) {
    test(`${page.path}: the YAML on line ${block.line} is what it claims to be`, () => {
      const documents = parseAllDocuments(block.text)
      assert.ok(documents.length > 0)
      for (const document of documents) {
        assert.deepEqual(document.errors, [])
        const value = document.toJS()
        assert.equal(typeof value.kind, 'string', 'a document has a kind')
        if (value.apiVersion !== API_VERSION) continue // A manifest for kubectl; the page applies it.
        if (value.kind === 'PolicyTest') policyTestSchema.parse(value)
        else if (value.kind === 'AgentConfig') agentConfigSchema.parse(value)
        else {
          const source = { file: page.path, text: document.toString() }
          assert.deepEqual(parseDocuments([source]).problems.map(formatProblem), [])
        }
      }
    })
  }
}
