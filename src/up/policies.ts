import { stringify } from 'yaml'
import { API_VERSION } from '../brand.ts'
import type { PolicyDocument } from '../documents/schema/policy.ts'
import { LOCAL_ADMIN_GROUP } from './local-admins.ts'

const admins = { groups: [LOCAL_ADMIN_GROUP] }

/** The person at this machine owns cluster and gateway alike; everything that they do is recorded all the same. */
const localAdministrators: PolicyDocument = {
  apiVersion: API_VERSION,
  kind: 'Policy',
  metadata: { name: 'local-administrators' },
  spec: {
    description: 'Whoever signs in with the one-time code of `sallyport up` may do everything.',
    rules: [
      {
        name: 'resources',
        effect: 'allow',
        match: { principals: admins, verbs: ['*'], apiGroups: ['*'], resources: ['*'], riskClasses: ['*'] },
      },
      { name: 'paths', effect: 'allow', match: { principals: admins, verbs: ['*'], nonResourceURLs: ['*'] } },
      { name: 'sallyport', effect: 'allow', match: { principals: admins, admin: { verbs: ['*'] } } },
    ],
  },
}

/** Pods keep what RBAC gives to their service accounts, but for the doors that lead past it. */
const serviceAccounts: PolicyDocument = {
  apiVersion: API_VERSION,
  kind: 'Policy',
  metadata: { name: 'service-accounts' },
  spec: {
    description: "The cluster's own service accounts may do what RBAC lets them; second doors stay closed.",
    rules: [
      {
        name: 'resources',
        effect: 'allow',
        match: {
          principals: { serviceAccounts: ['*:*'] },
          verbs: ['*'],
          apiGroups: ['*'],
          resources: ['*'],
          riskClasses: ['secret-read'],
        },
      },
    ],
  },
}

/** YAML of the policies that `up` starts with. */
export const localPolicies: readonly string[] = [localAdministrators, serviceAccounts].map(p =>
  stringify(p, { aliasDuplicateObjects: false }),
)
