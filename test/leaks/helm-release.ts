import { gzipSync } from 'node:zlib'
import { base64 } from './canary.ts'

/** A release as Helm keeps it: JSON, gzip, base64, in the Secret of its revision. */
export function helmRelease(name: string, values: object, inManifest: string): object {
  const manifest = [
    '---',
    'apiVersion: v1',
    'kind: Secret',
    'metadata:',
    `  name: ${name}`,
    'stringData:',
    `  key: "${inManifest}"`,
    'data:',
    `  other: ${base64(inManifest)}`,
    '---',
    'apiVersion: v1',
    'kind: ConfigMap',
    'metadata:',
    `  name: ${name}`,
    '',
  ].join('\n')
  const release = {
    name,
    version: 1,
    namespace: 'leaks',
    info: {
      status: 'deployed',
      first_deployed: '2026-01-01T00:00:00Z',
      last_deployed: '2026-01-01T00:00:00Z',
    },
    chart: { metadata: { name: 'shop', version: '1.0.0', apiVersion: 'v2' }, values, templates: [] },
    config: values,
    manifest,
  }
  const packed = base64(gzipSync(JSON.stringify(release)))
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'helm.sh/release.v1',
    metadata: {
      name: `sh.helm.release.v1.${name}.v1`,
      labels: { suite: 'leaks', owner: 'helm', name, status: 'deployed', version: '1' },
    },
    data: { release: base64(packed) },
  }
}
