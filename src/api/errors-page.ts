import { type CatalogueEntry, catalogue } from '../errors/catalogue.ts'

const entries = Object.entries(catalogue) as [string, CatalogueEntry][]

/** The page that `type` of every problem document points to: one anchor per code. */
export function errorsPage(): string {
  const sections = entries.map(
    ([code, e]) =>
      `<section id="${code}"><h2>${code}</h2><p>${escapeHtml(e.summary)}</p><dl><dt>HTTP</dt><dd>${e.status} ${e.reason}</dd><dt>Why</dt><dd>${escapeHtml(e.cause)}</dd><dt>Next</dt><dd>${escapeHtml(e.next)}</dd></dl></section>`,
  )
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sallyport errors</title><style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}:target{outline:2px solid}dt{font-weight:600}</style><h1>Errors</h1>${sections.join('')}</html>\n`
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
