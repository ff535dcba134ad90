import { Environment } from '@marcbachmann/cel-js'
import {
  ActionView,
  BodyView,
  ClientView,
  ConnectionView,
  ImpersonationView,
  PrincipalView,
  QueryView,
  ServiceAccountView,
  SessionView,
} from './facts.ts'
import { registerFunctions } from './functions.ts'

const limits = {
  maxAstNodes: 1000,
  maxDepth: 50,
  maxListElements: 500,
  maxMapEntries: 100,
  maxCallArguments: 8,
}

/** For checking what an author wrote: strict types, so that a misspelt field is an error when the document is read. */
export const authorEnvironment = declare(new Environment({ limits }))

/** For running it with meters in it, where types become dynamic. The meters add nodes, hence the wider limits. */
export const meteredEnvironment = declare(
  new Environment({
    homogeneousAggregateLiterals: false,
    limits: { ...limits, maxAstNodes: 10_000, maxDepth: 500 },
  }),
)

function declare(environment: Environment): Environment {
  for (const [name, ctor] of [
    ['ServiceAccount', ServiceAccountView],
    ['Query', QueryView],
    ['Body', BodyView],
    ['Impersonation', ImpersonationView],
    ['Principal', PrincipalView],
    ['Action', ActionView],
    ['Session', SessionView],
    ['Connection', ConnectionView],
    ['Client', ClientView],
  ] as const) {
    environment.registerType(name, { ctor: ctor as never, fields: ctor.fields })
  }
  environment.registerVariable('principal', 'Principal')
  environment.registerVariable('action', 'Action')
  environment.registerVariable('session', 'Session')
  environment.registerVariable('connection', 'Connection')
  environment.registerVariable('client', 'Client')
  environment.registerVariable('now', 'google.protobuf.Timestamp')
  registerFunctions(environment)
  return environment
}
