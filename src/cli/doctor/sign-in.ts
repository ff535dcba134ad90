import { existsSync, statSync } from 'node:fs'
import type { WhoAmI } from '../../api/schema/identity.ts'
import { readSignIn, signInFile } from '../config/sign-in-file.ts'
import type { Context } from '../frame/context.ts'
import { Failure } from '../frame/failure.ts'
import { type Check, failed, ok, warning } from './check.ts'

/** Whether this machine holds a sign-in, whether nobody else can read it, and whether the gateway still takes it. */
export async function checkSignIn(context: Context, reachable: boolean): Promise<Check[]> {
  const { server, caFile } = await context.gateway()
  const login = `sallyport login --gateway ${server}${caFile === undefined ? '' : ` --ca-file ${caFile}`}`
  const checks: Check[] = []
  const file = signInFile(context.paths, server)
  if (process.platform !== 'win32' && existsSync(file) && (statSync(file).mode & 0o077) !== 0)
    checks.push(failed('sign-in-file', `others can read the token in ${file}`, `chmod 600 '${file}'`))
  const given = Boolean(context.env.SALLYPORT_TOKEN)
  const stored = readSignIn(context.paths, server, Date.now())
  if (!given && stored === undefined)
    return [
      ...checks,
      failed(
        'sign-in',
        existsSync(file) ? 'the sign-in has expired' : 'you are not signed in to this gateway',
        login,
      ),
    ]
  if (!reachable) return [...checks, ok('sign-in', 'there is one; the gateway could not be asked about it')]
  try {
    const client = await context.client()
    const me = await client.get<WhoAmI>('/v1/whoami')
    const until = me.authentication.validUntil.slice(0, 16).replace('T', ' ')
    checks.push(ok('sign-in', `${me.principal.username}, until ${until} UTC`))
    if (given && stored !== undefined)
      checks.push(
        warning('sign-in-token', 'SALLYPORT_TOKEN goes before the sign-in of login', 'unset SALLYPORT_TOKEN'),
      )
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    checks.push(failed('sign-in', error.message, given ? 'unset SALLYPORT_TOKEN' : login))
  }
  return checks
}
