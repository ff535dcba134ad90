import { API_VERSION } from '../../brand.ts'
import type { MaskingRulesDocument } from '../../documents/schema/masking-rules.ts'
import { defaultDetectors } from '../detect/detectors.ts'

/** Rules of this name would be taken for shipped ones. */
export const SHIPPED_NAME = 'shipped'

interface Family {
  readonly name: string
  readonly description: string
  readonly detectors: readonly string[]
}

/** Detectors that belong together, so that an exemption can name them by one word. */
const named: readonly Family[] = [
  {
    name: 'private-key',
    description: 'private keys of every kind, wherever they stand',
    detectors: ['private-key', 'private-key-bare', 'age-key', 'nats-seed'],
  },
  {
    name: 'cloud-key',
    description: 'keys and signatures of clouds',
    detectors: ['aws-key', 'aws-session-token', 'gcp-key', 'azure-key', 'azure-client-secret'],
  },
  { name: 'jwt', description: 'JSON Web Tokens', detectors: ['jwt'] },
  {
    name: 'connection-string',
    description: 'passwords within addresses and connection strings',
    detectors: ['connection-string'],
  },
  {
    name: 'http-credential',
    description: 'Authorization, cookies and signatures of HTTP',
    detectors: ['http-authorization', 'http-signature', 'http-cookie'],
  },
  { name: 'password-hash', description: 'hashes of passwords', detectors: ['password-hash'] },
  {
    name: 'key-value',
    description: 'values behind tell-tale names in any text: password=…, "token": …',
    detectors: ['key-value'],
  },
  {
    name: 'command-line',
    description: 'passwords and tokens in command lines and in lines of configuration',
    detectors: ['command-option', 'password-directive'],
  },
]

/** Every detector that is on by itself is in one of them; those with a prefix of their own are the rest. */
const families: readonly Family[] = [
  ...named,
  {
    name: 'api-token',
    description: 'tokens with a known form: GitHub, Slack, Stripe, Vault, bootstrap tokens and others',
    detectors: defaultDetectors.filter(detector => !named.some(f => f.detectors.includes(detector))),
  },
]

/**
 * What is masked with no configuration. Always there: no document replaces or removes a rule of it; exemptions switch
 * one off for somebody, each with a reason. docs/masking/shipped-rules.md says why each keeps and learns what it does.
 */
export const shippedDocument: MaskingRulesDocument = {
  apiVersion: API_VERSION,
  kind: 'MaskingRules',
  metadata: { name: SHIPPED_NAME },
  spec: {
    description: 'Built in and always on; exemptions switch rules off, each for somebody and with a reason.',
    rules: [
      {
        name: 'secret-data',
        description: 'values of Secrets',
        fields: [
          { apiGroups: [''], kinds: ['Secret'], paths: ['data.*'], encoding: 'base64' },
          { apiGroups: [''], kinds: ['Secret'], paths: ['stringData.*'] },
        ],
        keep: 'raw',
        learn: true,
      },
      {
        name: 'helm-release',
        description: 'secrets within Helm releases, which are themselves kept in Secrets',
        fields: [{ apiGroups: [''], kinds: ['Secret'], paths: ['data.release'], encoding: 'helm-release' }],
        keep: 'raw',
      },
      {
        name: 'registry',
        description: 'credentials of image registries',
        fields: [
          {
            apiGroups: [''],
            kinds: ['Secret'],
            paths: ['data[".dockerconfigjson"]', 'data[".dockercfg"]'],
            encoding: 'base64-json',
          },
        ],
        keep: 'raw',
        learn: true,
      },
      {
        name: 'token',
        description: 'bearer tokens that the API server issues or reviews',
        fields: [
          { apiGroups: ['authentication.k8s.io'], kinds: ['TokenRequest'], paths: ['status.token'] },
          { apiGroups: ['authentication.k8s.io'], kinds: ['TokenReview'], paths: ['spec.token'] },
        ],
        keep: 'fingerprint',
        learn: true,
      },
      {
        name: 'client-credential',
        description: 'credentials in kubeconfigs and in answers of credential plugins',
        fields: [
          {
            apiGroups: ['client.authentication.k8s.io'],
            kinds: ['ExecCredential'],
            paths: ['status.token', 'status.clientKeyData'],
          },
          {
            apiGroups: [''],
            kinds: ['Config'],
            paths: [
              'users[*].user.token',
              'users[*].user.password',
              'users[*].user["client-key-data"]',
              'users[*].user["auth-provider"].config.*',
            ],
          },
        ],
        keep: 'raw',
      },
      {
        name: 'issued-certificate',
        description: 'certificates that the cluster has issued',
        fields: [
          {
            apiGroups: ['certificates.k8s.io'],
            kinds: ['CertificateSigningRequest'],
            paths: ['status.certificate'],
            encoding: 'base64',
          },
        ],
        keep: 'raw',
      },
      {
        name: 'volume',
        description: 'what a storage driver hands from attach to mount',
        fields: [
          {
            apiGroups: ['storage.k8s.io'],
            kinds: ['VolumeAttachment'],
            paths: ['status.attachmentMetadata.*'],
          },
        ],
        keep: 'raw',
      },
      {
        name: 'key-name',
        description: 'values beside names such as password, apiKey, clientSecret, whatever the object',
        names: ['keys'],
        keep: 'raw',
      },
      {
        name: 'env',
        description: 'values of environment variables with such names',
        names: ['env'],
        keep: 'raw',
      },
      ...families.map(({ name, description, detectors }) => ({
        name,
        description,
        detectors: [...detectors],
        keep: 'raw' as const,
      })),
      {
        name: 'fingerprint',
        description: 'values that were seen as secrets before, wherever they turn up',
        fingerprints: true,
        keep: 'raw',
      },
    ],
  },
}
