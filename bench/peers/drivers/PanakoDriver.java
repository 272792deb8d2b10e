import be.panako.strategy.QueryResult;
import be.panako.strategy.QueryResultHandler;
import be.panako.strategy.Strategy;
import be.panako.util.Config;
import be.panako.util.Key;
import java.io.BufferedReader;
import java.io.FileOutputStream;
import java.io.FileDescriptor;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.HashSet;
import java.util.Locale;

/**
 * Matches files with Panako: one WAV path a line in, one JSON object a line out.
 *
 * A program of its own, run by bench.peers.panako with Panako's class path and settings, each KEY=VALUE:
 *
 *     java -cp CLASSPATH PanakoDriver.java STRATEGY=PANAKO ...
 */
public class PanakoDriver {
    public static void main(String[] settings) throws Exception {
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, "UTF-8");
        System.setOut(System.err); // Panako prints as it goes
        for (String setting : settings) {
            String[] parts = setting.split("=", 2);
            Config.set(Key.valueOf(parts[0]), parts[1]);
        }
        Strategy strategy = Strategy.getInstance();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String path = lines.readLine(); path != null; path = lines.readLine()) {
            long started = System.nanoTime();
            Best best = new Best();
            strategy.query(path, Config.getInt(Key.NUMBER_OF_QUERY_RESULTS), new HashSet<Integer>(), best);
            answers.println(best.json((System.nanoTime() - started) * 1e-9));
        }
        System.exit(0);
    }

    private static class Best implements QueryResultHandler {
        private QueryResult best;

        @Override
        public void handleQueryResult(QueryResult result) {
            if (best == null || result.score > best.score) {
                best = result;
            }
        }

        @Override
        public void handleEmptyResult(QueryResult result) {
        }

        String json(double seconds) {
            if (best == null) {
                return String.format(Locale.ROOT,
                    "{\"name\": null, \"offset_s\": null, \"score\": null, \"accepted\": false, \"seconds\": %f}", seconds);
            }
            double offset = best.refStart - best.queryStart * (best.refStop - best.refStart) / (best.queryStop - best.queryStart);
            String name = best.refPath.replace("\\", "\\\\").replace("\"", "\\\"");
            return String.format(Locale.ROOT,
                "{\"name\": \"%s\", \"offset_s\": %f, \"score\": %f, \"accepted\": true, \"seconds\": %f}",
                name, offset, best.score, seconds);
        }
    }
}
