// Logs a run by MLflow's REST API with Node's own fetch, streams an artifact up, logs a trace by the requests that MLflow's
// TypeScript SDK sends, and exports a span with OpenTelemetry.
// usage: client.mjs [basic]   MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN say where and as whom; with `basic` the token is sent
// as a password, as SDKs do that know no token. Prints the experiment's id.
import assert from 'node:assert';
import { randomBytes } from 'node:crypto';

import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

const uri = process.env.MLFLOW_TRACKING_URI.replace(/\/+$/, '');
const token = process.env.MLFLOW_TRACKING_TOKEN;
const password = `Basic ${Buffer.from(`any:${token}`).toString('base64')}`;
const authorization = { Authorization: process.argv[2] === 'basic' ? password : `Bearer ${token}` };

async function send(method, path, body) {
  const init = { method, headers: { ...authorization, 'Content-Type': 'application/json' } };
  const answer = await fetch(`${uri}/api/${path}`, body ? { ...init, body: JSON.stringify(body) } : init);
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return text && JSON.parse(text);
}

const call = (method, path, body) => send(method, `2.0/mlflow/${path}`, body);

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

// the trace's own record first, then its spans as an artifact, where the record says
const traceId = `tr-${randomBytes(16).toString('hex')}`;
const { trace } = await send('POST', '3.0/mlflow/traces', {
  trace: {
    trace_info: {
      trace_id: traceId,
      trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: experiment } },
      request_time: new Date().toISOString(),
      execution_duration: '0.25s',
      state: 'OK',
      trace_metadata: { 'mlflow.trace_schema.version': '3' },
      tags: {},
    },
  },
});
const place = new URL(trace.trace_info.tags['mlflow.artifactLocation']).pathname;
const spans = { spans: [{ name: 'a span', trace_id: traceId, attributes: { 'mlflow.spanInputs': '{"a":1}' } }] };
await send('PUT', `2.0/mlflow-artifacts/artifacts${place}/traces.json`, spans);
assert.deepEqual(await send('GET', `2.0/mlflow-artifacts/artifacts${place}/traces.json`), spans);
assert.equal((await send('GET', `3.0/mlflow/traces/${traceId}`)).trace.trace_info.state, 'OK');

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
