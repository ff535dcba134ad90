import { API_GROUP } from '../brand.ts'

/** Where the agent and its two service accounts live, unless the operator names another namespace. */
export const SYSTEM_NAMESPACE = 'sallyport-system'

/**
 * Where the service accounts of sessions live (upstreamIdentity serviceaccount). Never the agent's own namespace: who
 * may ask for tokens there could ask for one of the binder.
 */
export const SESSIONS_NAMESPACE = 'sallyport-sessions'

export const SESSION_ACCOUNT = 'sallyport-session'
export const BINDER_ACCOUNT = 'sallyport-binder'

export const MANAGED_BY = { label: 'app.kubernetes.io/managed-by', value: 'sallyport' } as const

/** Label of everything that exists for one session; its value is the session id. */
export const SESSION_LABEL = `${API_GROUP}/session`

/** Annotation: RFC 3339 time from which on a sweeper may delete the object. */
export const EXPIRES_AT = `${API_GROUP}/expires-at`

/** How a refusal by our ValidatingAdmissionPolicy begins; its name begins with the agent's namespace. */
export const ADMISSION_REFUSAL = "ValidatingAdmissionPolicy 'sallyport"

/** A session id; it is also the name of the session's service account. */
export const SESSION_ID = /^s-[a-z2-7]{26}$/
