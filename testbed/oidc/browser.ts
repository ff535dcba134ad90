import { type Answer, ask } from './http.ts'

/** A browser without a screen: follows redirects, keeps cookies, and submits the form of each page. */
export interface Browser {
  /**
   * Opens a page and goes on until a redirect leads to another origin (its URL is the result) or a page
   * has no form (undefined). On the sign-in page it chooses the user.
   */
  visit(url: string, user: string): Promise<string | undefined>
}

const maxSteps = 20

export function createBrowser(ca: string | undefined): Browser {
  const cookies = new Map<string, string>()
  const load = async (url: string, form?: Record<string, string>): Promise<Answer> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = cookie === '' ? {} : { cookie }
    const answer = await ask(
      url,
      form === undefined ? { headers, ca } : { method: 'POST', headers, form, ca },
    )
    keep(cookies, answer)
    return answer
  }
  return {
    async visit(start, user) {
      const origin = new URL(start).origin
      let url = start
      let answer = await load(url)
      for (let step = 0; step < maxSteps; step++) {
        const location = answer.headers.location
        if (typeof location === 'string') {
          const next = new URL(location, url)
          if (next.origin !== origin) return next.href
          url = next.href
          answer = await load(url)
          continue
        }
        if (answer.status !== 200) throw new Error(`${new URL(url).pathname} answered ${answer.status}`)
        const form = readForm(answer.body, user)
        if (form === undefined) return undefined
        url = new URL(form.action, url).href
        answer = await load(url, form.fields)
      }
      throw new Error(`no end after ${maxSteps} pages`)
    },
  }
}

function keep(cookies: Map<string, string>, answer: Answer): void {
  for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
    const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(line) ?? []
    if (value === '') cookies.delete(name)
    else cookies.set(name, value)
  }
}

/** The provider's own pages are simple: one form, double quotes, attributes in any order. */
function readForm(
  page: string,
  user: string,
): { action: string; fields: Record<string, string> } | undefined {
  const [, attributes = '', inside = ''] = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(page) ?? []
  const action = attribute(attributes, 'action')
  if (action === undefined) return undefined
  const fields: Record<string, string> = {}
  for (const [, input = ''] of inside.matchAll(/<input\b([^>]*)>/gi)) {
    const name = attribute(input, 'name')
    if (name !== undefined) fields[name] = attribute(input, 'value') ?? ''
  }
  if (/<button\b[^>]*\bname="user"/.test(inside)) fields.user = user
  return { action, fields }
}

function attribute(text: string, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(text)?.[1]?.replaceAll('&amp;', '&')
}
