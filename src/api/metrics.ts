import { Histogram, type Registry } from 'prom-client'

export interface Meter {
  /** `route` is a template of the access table, so the number of label values is bounded. */
  observe(route: string, status: number, seconds: number): void
}

export function createMeter(registry: Registry): Meter {
  const histogram = new Histogram({
    name: 'sallyport_api_request_duration_seconds',
    help: 'Time to answer a request to the management API.',
    labelNames: ['route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  })
  return {
    observe: (route, status, seconds) => histogram.observe({ route, status: String(status) }, seconds),
  }
}
