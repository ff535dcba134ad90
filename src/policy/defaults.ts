import { API_VERSION } from '../brand.ts'
import { toYaml } from '../documents/canonical.ts'
import type { PolicyDocument } from '../documents/schema/policy.ts'
import { riskClasses } from './risk-classes.ts'

const everybody = { users: ['*'] }

/**
 * The policy that is always there: what every client needs before it can ask for anything, and what concerns only the
 * caller. As `system:discovery` and `system:basic-user` of Kubernetes. A deny rule can take it away.
 */
export const defaultsDocument: PolicyDocument = {
  apiVersion: API_VERSION,
  kind: 'Policy',
  metadata: { name: 'defaults' },
  spec: {
    description:
      'Built in. Discovery and questions about oneself; second doors stay closed until a rule names them.',
    rules: [
      {
        name: 'discovery',
        effect: 'allow',
        match: {
          principals: everybody,
          verbs: ['get', 'head'],
          nonResourceURLs: [
            '/api',
            '/api/*',
            '/apis',
            '/apis/*',
            '/openapi',
            '/openapi/*',
            '/version',
            '/version/',
            '/healthz',
            '/livez',
            '/readyz',
          ],
        },
      },
      {
        name: 'questions-about-oneself',
        effect: 'allow',
        match: {
          principals: everybody,
          verbs: ['create'],
          apiGroups: ['authentication.k8s.io', 'authorization.k8s.io'],
          resources: ['selfsubjectreviews', 'selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
        },
      },
      {
        name: 'own-identity-and-sessions',
        effect: 'allow',
        match: { principals: everybody, admin: { verbs: ['self.*'] } },
      },
    ],
  },
}

/** The document with what the engine does by default beside it: what `sallyport policy show defaults` prints. */
export function describeDefaults(): string {
  const lines = [
    '# What no rule allows is denied. An allow rule does not cover a request of these classes unless its riskClasses',
    '# name them (or say "*"); `impersonate` is opened by match.impersonate alone:',
    ...riskClasses.filter(c => !c.ordinary).map(c => `#   ${c.name.padEnd(20)} ${c.about}`),
    '# These are ordinary: an allow rule covers them without a word.',
    ...riskClasses.filter(c => c.ordinary).map(c => `#   ${c.name.padEnd(20)} ${c.about}`),
  ]
  return `${lines.join('\n')}\n${toYaml(defaultsDocument)}`
}
