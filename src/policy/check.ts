export { checkPolicies, type Finding } from './check/check-policies.ts'
