import { GROUP } from './ways.ts'

const preserving = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
const text = { type: 'string' }

function crd(kind: string, spec: object, more: object): object {
  const plural = `${kind.toLowerCase()}s`
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: [{ name: 'v1', served: true, storage: true, schema, ...more }],
    },
  }
}

/** One kind without a schema; one with, whose columns show secret fields under their own and under another name. */
export const kinds: readonly object[] = [
  crd('Vault', preserving, {}),
  crd('Crate', preserving, {
    additionalPrinterColumns: [{ name: 'Info', type: 'string', jsonPath: '.spec.code' }],
  }),
  crd(
    'Gadget',
    {
      type: 'object',
      properties: {
        size: { type: 'integer', maximum: 100 },
        // What a schema refuses it quotes.
        password: { type: 'string', pattern: '^[A-Za-z0-9]*$', maxLength: 40 },
        apiKey: text,
        clientSecret: text,
        text,
        passwords: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
      },
    },
    {
      additionalPrinterColumns: [
        { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
        { name: 'Password', type: 'string', jsonPath: '.spec.password' },
        { name: 'Info', type: 'string', jsonPath: '.spec.apiKey' },
        { name: 'More', type: 'string', jsonPath: '.spec.clientSecret', description: 'of the shop' },
        { name: 'Text', type: 'string', jsonPath: '.spec.text' },
      ],
    },
  ),
]

/** What an operator says of a kind of his own. */
export const ownRules = {
  apiVersion: 'sallyport.dev/v1',
  kind: 'MaskingRules',
  metadata: { name: 'crates' },
  spec: {
    rules: [{ name: 'code', fields: [{ apiGroups: [GROUP], kinds: ['Crate'], paths: ['spec.code'] }] }],
  },
}

/** Refuses and warns, and quotes what it was given and what is there, as policies of a cluster do. */
export const admission: readonly object[] = ['Deny', 'Warn'].flatMap(action => {
  const name = `leaks-${action.toLowerCase()}`
  const quote = "object.data.map(k, k + ' is ' + object.data[k]).join(', ')"
  const resources = ['secrets', 'configmaps']
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [
            { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources },
          ],
        },
        validations: [
          {
            expression: `!has(object.metadata.annotations) || !('example.com/${action.toLowerCase()}' in object.metadata.annotations) || !has(object.data)`,
            messageExpression: `'this cluster does not like that ' + ${quote}`,
          },
        ],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, validationActions: [action] },
    },
  ]
})

/** A node that is not there: pods of it are shown and never run. */
export const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'nowhere' } }
