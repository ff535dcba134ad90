/** Text in Jira's document format. As preformatted text nothing in it becomes a link or a mention. */
export function documentOf(text: string, link: string | null): object {
  return {
    ...{ type: 'doc', version: 1 },
    content: [
      { type: 'codeBlock', content: [{ type: 'text', text }] },
      ...(link === null
        ? []
        : [
            {
              type: 'paragraph',
              content: [{ type: 'text', text: link, marks: [{ type: 'link', attrs: { href: link } }] }],
            },
          ]),
    ],
  }
}

const DEEPEST = 20

/** The text of such a document, without quotes of others. */
export function textOfDocument(node: unknown, depth = 0): string {
  if (node === null || typeof node !== 'object' || depth > DEEPEST) return ''
  const { type, text, content } = node as { type?: unknown; text?: unknown; content?: unknown }
  if (type === 'text') return typeof text === 'string' ? text : ''
  if (type === 'hardBreak') return '\n'
  if (type === 'blockquote' || !Array.isArray(content)) return ''
  const inner = content.map(one => textOfDocument(one, depth + 1)).join('')
  return type === 'paragraph' || type === 'codeBlock' ? `${inner}\n` : inner
}
