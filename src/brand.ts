/**
 * The one place that holds our name in the outside world: API group of documents, prefix of labels,
 * annotations, extras and claims, and the prefix of every user name that we ever send upstream.
 */
export const API_GROUP = 'sallyport.dev'

/** `apiVersion` of every document. */
export const API_VERSION = `${API_GROUP}/v1`

/** Every upstream user and group that is not a Kubernetes service account begins with this. */
export const UPSTREAM_PREFIX = 'sallyport:'

/** Every placeholder of a masked value begins with this: letters that YAML, label values and base64 all carry. */
export const PLACEHOLDER_PREFIX = 'sallyport.masked.'
