// Logs a run by MLflow's REST API with Node's own fetch, streams an artifact up, and exports a span with OpenTelemetry.
// MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN say where and as whom. Prints the experiment's id.
import assert from 'node:assert';

import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

const uri = process.env.MLFLOW_TRACKING_URI.replace(/\/+$/, '');
const authorization = { Authorization: `Bearer ${process.env.MLFLOW_TRACKING_TOKEN}` };

async function call(method, path, body) {
  const init = { method, headers: { ...authorization, 'Content-Type': 'application/json' } };
  const answer = await fetch(`${uri}/api/2.0/mlflow/${path}`, body ? { ...init, body: JSON.stringify(body) } : init);
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

const { experiment_id: experiment } = await call('POST', 'experiments/create', { name: `node-${process.hrtime.bigint()}` });
const { run } = await call('POST', 'runs/create', { experiment_id: experiment, start_time: Date.now() });
const id = run.info.run_id;
await call('POST', 'runs/log-metric', { run_id: id, key: 'loss', value: 0.25, timestamp: Date.now() });
assert.equal((await call('GET', `runs/get?run_id=${id}`)).run.data.metrics[0].value, 0.25);

// a body without a length goes out in chunks
const artifact = `${uri}/api/2.0/mlflow-artifacts/artifacts/${experiment}/${id}/artifacts/streamed.bin`;
const pieces = Array.from({ length: 64 }, (_, i) => Buffer.alloc(16384, i));
const put = await fetch(artifact, { method: 'PUT', headers: authorization, body: ReadableStream.from(pieces), duplex: 'half' });
assert.equal(put.status, 200, await put.text());
const back = await fetch(artifact, { headers: authorization });
assert.ok(Buffer.concat(pieces).equals(Buffer.from(await back.arrayBuffer())));

const results = [];
const exporter = new OTLPTraceExporter({
  url: `${uri}/v1/traces`,
  headers: { ...authorization, 'x-mlflow-experiment-id': experiment },
});
const exportSpans = exporter.export.bind(exporter);
exporter.export = (spans, done) => exportSpans(spans, (result) => {
  results.push(result);
  done(result);
});
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.getTracer('client').startSpan('a span').end();
await provider.forceFlush();
await provider.shutdown();
assert.deepEqual(results, [{ code: 0 }]);
console.log(experiment);
