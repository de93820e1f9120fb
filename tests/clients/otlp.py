"""Exports a span with OpenTelemetry's own exporter and reads the trace back with MLflow, without the plugin.

MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN say where and as whom.
"""

import os
import time

import mlflow
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult

uri, token = os.environ["MLFLOW_TRACKING_URI"].rstrip("/"), os.environ["MLFLOW_TRACKING_TOKEN"]
experiment = mlflow.create_experiment(f"otlp-{os.getpid()}-{time.time_ns()}")


class Exporter(OTLPSpanExporter):
    def export(self, spans):
        result = super().export(spans)
        assert result is SpanExportResult.SUCCESS, result
        return result


headers = {"Authorization": f"Bearer {token}", "x-mlflow-experiment-id": experiment}
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(Exporter(endpoint=f"{uri}/v1/traces", headers=headers)))
with provider.get_tracer("client").start_as_current_span("a span"):
    pass
provider.shutdown()

(trace,) = mlflow.MlflowClient().search_traces([experiment], include_spans=False)
print(trace.info.trace_id)
