import type { MetricObjectWithValues, MetricValue } from 'prom-client'
import { createMeter } from '../../src/api/metrics.ts'
import { createMetrics, type Gauges } from '../../src/telemetry/metrics.ts'
import { code, page, rows } from './markdown.ts'

/** The metrics of the registry that the gateway serves. */
export async function metricsPage(): Promise<string> {
  const nothing = new Proxy({} as Gauges, { get: () => () => 0 })
  const { registry } = createMetrics(nothing)
  createMeter(registry)
  const metrics = (await registry.getMetricsAsJSON()) as MetricObjectWithValues<MetricValue<string>>[]
  const withLabels = metrics.map(metric => {
    const { labelNames } = registry.getSingleMetric(metric.name) as unknown as { labelNames: string[] }
    return { ...metric, labelNames }
  })
  return page('Metrics', [
    'In the text format of Prometheus, at `/metrics` of the gateway. The scraper needs a bearer token whose principal may do `metrics.read`. Labels are bounded: never a user, a path or the name of an object.',
    rows(
      ['metric', 'type', 'labels', 'meaning'],
      withLabels.map(m => [code(m.name), String(m.type), m.labelNames.map(code).join(', '), m.help]),
    ),
  ])
}
