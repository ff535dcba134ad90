import { type People, startPeople } from '../approvals/rig.ts'
import { type Answered, call, openStream, type Stream } from '../e2e/call.ts'

const reads = { verbs: ['get', 'list', 'watch'], apiGroups: [''] }

/** Each person is in the group of the same name; what the group may see is what the rule of that name says. */
const rules = [
  {
    name: 'shop',
    effect: 'allow',
    filter: true,
    match: {
      principals: { groups: ['corp:shop'] },
      ...reads,
      resources: ['configmaps', 'namespaces', 'events'],
      namespaces: ['a', 'b'],
    },
  },
  {
    name: 'strict',
    effect: 'allow',
    match: {
      principals: { groups: ['corp:strict'] },
      ...reads,
      resources: ['configmaps'],
      namespaces: ['a'],
    },
  },
  {
    name: 'names',
    effect: 'allow',
    filter: true,
    match: {
      principals: { groups: ['corp:names'] },
      ...reads,
      resources: ['configmaps'],
      resourceNames: ['one', 'two'],
    },
  },
  {
    name: 'blue',
    effect: 'allow',
    filter: true,
    match: {
      principals: { groups: ['corp:blue'] },
      ...reads,
      resources: ['configmaps'],
      labels: { team: 'blue' },
    },
  },
  {
    name: 'unmapped',
    effect: 'allow',
    filter: true,
    match: {
      principals: { groups: ['corp:unmapped'] },
      ...reads,
      resources: ['configmaps'],
      namespaces: ['a'],
    },
  },
  {
    name: 'bodied',
    effect: 'allow',
    match: {
      principals: { groups: ['corp:bodied'] },
      verbs: ['create'],
      apiGroups: [''],
      resources: ['configmaps'],
    },
    when: 'has(action.body) && action.body.name.startsWith("x")',
  },
  {
    name: 'guarded',
    effect: 'allow',
    filter: true,
    match: {
      principals: { groups: ['corp:guarded'] },
      ...reads,
      resources: ['configmaps', 'secrets'],
      namespaces: ['a'],
      riskClasses: ['secret-read'],
    },
  },
  {
    name: 'no-secrets-of-b',
    effect: 'deny',
    match: { principals: { groups: ['corp:guarded'] }, resources: ['secrets'], namespaces: ['b'] },
  },
]

export interface Scoped extends People {
  get(user: string, path: string, headers?: Readonly<Record<string, string>>): Promise<Answered>
  watch(user: string, path: string, headers?: Readonly<Record<string, string>>): Promise<Stream>
}

/** People who may see a part, in front of a cluster that lets them see all. Namespaces a, b and c. */
export async function startScoped(): Promise<Scoped> {
  const groups = ['shop', 'strict', 'names', 'blue', 'bodied', 'guarded']
  const people = await startPeople(
    rules,
    {},
    {},
    groups.map(group => `corp:${group}`),
  )
  for (const name of [...groups, 'unmapped']) {
    const person = { subject: `user-${name}`, name, email: `${name}@corp.example`, groups: [name] }
    people.provider.users.set(name, person)
  }
  for (const namespace of ['a', 'b', 'c']) await people.directly('create', 'namespace', namespace)
  return {
    ...people,
    get up() {
      return people.up
    },
    async get(user, path, headers = {}) {
      return call(people.up, `/k/prod${path}`, { token: await people.token(user), headers, timeout: 60_000 })
    },
    async watch(user, path, headers = {}) {
      return openStream(people.up, `/k/prod${path}`, { token: await people.token(user), headers })
    },
  }
}
