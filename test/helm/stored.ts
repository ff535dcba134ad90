import { gunzipSync } from 'node:zlib'

/** An object as the cluster keeps it. */
export interface Stored {
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: unknown
}

/** A release out of the Secret in which Helm keeps it. */
export function releaseOf(secret: Stored): Readonly<Record<string, unknown>> {
  const once = Buffer.from(secret.data!.release!, 'base64').toString()
  return JSON.parse(gunzipSync(Buffer.from(once, 'base64')).toString()) as Record<string, unknown>
}

/** Everything that was meant by whoever wrote the objects, in a form that is the same in every namespace. */
export function meant(list: readonly Stored[], namespace: string): readonly string[] {
  return list
    .filter(({ kind, metadata }) => kind !== 'ConfigMap' || metadata.name !== 'kube-root-ca.crt')
    .map(object => {
      const isRelease = object.metadata.name.startsWith('sh.helm.release.')
      const { labels: { modifiedAt: _, ...labels } = {}, annotations, name } = object.metadata
      const content = isRelease ? releaseOf(object) : { data: object.data, spec: object.spec }
      return JSON.stringify({ kind: object.kind, name, labels, annotations, content }, null, 1)
        .replaceAll(namespace, 'NAMESPACE')
        .replace(/"\d{4}-\d\d-\d\dT[^"]+"/g, '"TIME"')
        .replace(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, 'UID')
    })
    .sort()
}
