import org.mlflow.api.proto.Service.Run;
import org.mlflow.api.proto.Service.RunInfo;
import org.mlflow.tracking.MlflowClient;
import org.mlflow.tracking.creds.BasicMlflowHostCreds;

/**
 * Logs a run with MLflow's Java client and reads it back. The client looks at MLFLOW_TRACKING_URI by itself, but not at
 * MLFLOW_TRACKING_TOKEN.
 */
public class Main {
    public static void main(String[] arguments) {
        MlflowClient client = new MlflowClient(
                new BasicMlflowHostCreds(System.getenv("MLFLOW_TRACKING_URI"), System.getenv("MLFLOW_TRACKING_TOKEN")));
        String experiment = client.createExperiment("java-" + System.nanoTime());
        RunInfo info = client.createRun(experiment);
        client.logParam(info.getRunId(), "depth", "7");
        client.logMetric(info.getRunId(), "loss", 0.25);
        client.setTerminated(info.getRunId());
        Run run = client.getRun(info.getRunId());
        if (!run.getData().getParams(0).getValue().equals("7") || run.getData().getMetrics(0).getValue() != 0.25) {
            throw new IllegalStateException("read back: " + run);
        }
        System.out.println("all as expected");
    }
}
