export { type PolicyTestResult, runPolicyTests as testPolicies } from './testing/run-policy-tests.ts'
