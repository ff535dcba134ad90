/** Milliseconds that a sign-in may take, from the address being shown to the answer of the issuer. */
export const PATIENCE = 300_000
