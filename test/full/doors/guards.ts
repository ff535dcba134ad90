/** What stands between callers who may do everything and the cluster: the shipped presets and a few deny rules. */
const deny = (name: string, match: object): object => ({ name, effect: 'deny', match })
const inShop = { namespaces: ['shop'] }
export const guards = {
  apiVersion: 'sallyport.dev/v1',
  kind: 'Policy',
  metadata: { name: 'guards' },
  spec: {
    use: [
      'no-node-proxy',
      'rbac-needs-approval',
      'admission-needs-approval',
      'delete-namespace-needs-approval',
      'cloud-roles-need-approval',
      'external-storage-needs-approval',
      'cluster-wide-reads-by-agents-limited',
      { preset: 'secrets-read-only-by', groups: ['corp:ops'] },
    ],
    rules: [
      deny('keep-pods', { ...inShop, verbs: ['delete'], apiGroups: [''], resources: ['pods'] }),
      deny('keep-web', {
        ...inShop,
        verbs: ['update'],
        apiGroups: ['apps'],
        resources: ['deployments'],
        resourceNames: ['web'],
      }),
      deny('keep-widget', {
        ...inShop,
        verbs: ['update'],
        apiGroups: ['example.dev'],
        resources: ['widgets'],
        resourceNames: ['w'],
      }),
      deny('no-flag', {
        ...inShop,
        verbs: ['create'],
        apiGroups: [''],
        resources: ['configmaps'],
        resourceNames: ['flag'],
      }),
      deny('no-limits', { ...inShop, verbs: ['create'], apiGroups: [''], resources: ['limitranges'] }),
      deny('no-events', { ...inShop, verbs: ['get'], apiGroups: [''], resources: ['events'] }),
      deny('no-autoscalers', {
        ...inShop,
        verbs: ['get'],
        apiGroups: ['autoscaling'],
        resources: ['horizontalpodautoscalers'],
      }),
      deny('own-images', {
        ...inShop,
        verbs: ['create', 'update', 'patch'],
        apiGroups: ['apps'],
        resources: ['deployments'],
        images: { notFrom: ['registry.example.com/*'] },
      }),
    ],
  },
}
