import { type Check, failed, ok, warning } from './check.ts'

/** The proxy that a request to this host takes by the environment, as this Node reads it; and what kubectl would do otherwise. */
export function checkProxy(
  server: string,
  env: NodeJS.ProcessEnv,
): { checks: Check[]; proxy: string | undefined } {
  const checks: Check[] = []
  const { hostname, port } = new URL(server)
  const host = hostname.replace(/^\[|\]$/g, '')
  for (const name of ['HTTPS_PROXY', 'NO_PROXY']) {
    const [upper, lower] = [env[name], env[name.toLowerCase()]]
    if (upper && lower && upper !== lower)
      checks.push(
        warning(
          'proxy-spelling',
          `${name} and ${name.toLowerCase()} differ, and programs disagree which one counts`,
          `export ${name}="$${name.toLowerCase()}"`,
        ),
      )
  }
  const proxy = env.https_proxy || env.HTTPS_PROXY
  if (!proxy) return { checks: [...checks, ok('proxy', 'none is set')], proxy: undefined }
  if (!URL.canParse(proxy) || !/^https?:$/.test(new URL(proxy).protocol)) {
    checks.push(
      failed('proxy', 'HTTPS_PROXY is no http:// or https:// address', 'unset HTTPS_PROXY https_proxy'),
    )
    return { checks, proxy: undefined }
  }
  // Never with its user name and password.
  const shown = new URL(proxy).host
  const entries = (env.no_proxy || env.NO_PROXY || '').split(/[,\s]+/).filter(entry => entry !== '')
  const direct = entries.some(entry => covers(entry, host, port || '443'))
  for (const entry of entries) {
    const trap = trapOf(entry)
    if (trap !== undefined) checks.push(warning('no-proxy', `NO_PROXY has ${entry}: ${trap}`))
  }
  const add = `export NO_PROXY="\${NO_PROXY:+$NO_PROXY,}${host}"`
  if (direct) checks.push(ok('proxy', `${shown}; not for ${host}, by NO_PROXY`))
  else if (/^(127\.|::1$|localhost$)/.test(host))
    checks.push(
      failed('proxy', `requests to ${host} go to the proxy ${shown}, which has another ${host}`, add),
    )
  else checks.push(warning('proxy', `requests to ${host} go through the proxy ${shown}`, add))
  return { checks, proxy: direct ? undefined : shown }
}

/** As curl, Go and Node agree: `*`, a name with what is below it, an address; with or without a port. */
function covers(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  const [, name = '', at] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(entry.toLowerCase()) ?? []
  if (at !== undefined && at !== port) return false
  const bare = name.replace(/^\*?\./, '')
  return host.toLowerCase() === bare || host.toLowerCase().endsWith(`.${bare}`)
}

function trapOf(entry: string): string | undefined {
  if (entry.includes('://')) return 'an entry is a host name, not a URL, and this one matches nothing'
  if (/\/\d+$/.test(entry)) return 'kubectl reads address ranges, this program and curl before 7.86 do not'
  return undefined
}
