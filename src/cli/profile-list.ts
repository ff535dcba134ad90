import { API_VERSION } from '../brand.ts'
import { profileFile, readProfile } from './config/profile.ts'
import { readSignIn } from './config/sign-in-file.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import type { Column } from './output/table.ts'

interface Row {
  readonly name: string
  readonly server: string
  readonly current: boolean
  readonly signedInAs: string | null
  readonly caFile: string | null
}

const columns: readonly Column<Row>[] = [
  { title: 'CURRENT', value: r => (r.current ? '*' : '') },
  { title: 'NAME', value: r => r.name },
  { title: 'SERVER', value: r => r.server },
  { title: 'SIGNED IN', value: r => r.signedInAs ?? 'no', least: 8 },
  { title: 'CA', value: r => r.caFile ?? '', wide: true },
]

export const run: Run = async context => {
  const profile = readProfile(context.paths)
  const items: Row[] = Object.entries(profile.gateways).map(([name, { server, caFile }]) => ({
    name,
    server,
    current: name === profile.current,
    signedInAs: readSignIn(context.paths, server, Date.now())?.username ?? null,
    caFile: caFile ?? null,
  }))
  const document = { apiVersion: API_VERSION, kind: 'ProfileList', metadata: { continue: null }, items }
  await context.output.list(document, items, columns, r => `profile/${r.name}`)
  if (items.length === 0) context.say('there is none; sign in to one: sallyport login --gateway URL')
  const other = context.env.SALLYPORT_GATEWAY
  if (other) context.say(`SALLYPORT_GATEWAY (${other}) goes before ${profileFile(context.paths)}`)
  return exitCodes.done
}
