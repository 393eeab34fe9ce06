import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import okhttp3.Response;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.ApiResponse;
import org.openapitools.client.api.JobsApi;
import org.openapitools.client.api.RepositoriesApi;
import org.openapitools.client.api.ResultsApi;
import org.openapitools.client.api.TenantApi;
import org.openapitools.client.auth.ApiKeyAuth;
import org.openapitools.client.model.Batch;
import org.openapitools.client.model.Error;
import org.openapitools.client.model.Job;
import org.openapitools.client.model.JobEvent;
import org.openapitools.client.model.JobStatus;
import org.openapitools.client.model.ListJobs200ResponseInner;
import org.openapitools.client.model.Repository;

/** What tests/generated/README.md says, with the client that openapi-generator made for Java. */
public class Main {
  // An Integer: wait(50) would be the method of java.lang.Object.
  static final Integer SECONDS = 50;
  static final ApiClient CLIENT = new ApiClient();
  static final JobsApi JOBS = new JobsApi(CLIENT);
  static final ResultsApi RESULTS = new ResultsApi(CLIENT);
  static final RepositoriesApi REPOSITORIES = new RepositoriesApi(CLIENT);

  static byte[] content(File file) throws Exception {
    byte[] all = Files.readAllBytes(file.toPath());
    file.delete();
    return all;
  }

  static Job ended(String job) throws ApiException {
    while (true) {
      Job info = JOBS.getJob(job).wait(SECONDS).execute();
      if (info.getJobStatus() == JobStatus.FINISHED || info.getJobStatus() == JobStatus.FAILED) return info;
    }
  }

  static Object output(String job) throws ApiException {
    return RESULTS.getJobResult(job).wait(SECONDS).execute().getOutput();
  }

  public static void main(String[] arguments) throws Exception {
    CLIENT.setBasePath(System.getenv("VBRAIN_URL") + "/api/v1");
    CLIENT.setReadTimeout(90_000);
    for (String name : List.of("username", "organization_id", "application_id", "client_id", "x-api-key")) {
      String variable = name.equals("x-api-key") ? "API_KEY" : name.toUpperCase();
      ((ApiKeyAuth) CLIENT.getAuthentication(name)).setApiKey(System.getenv("VBRAIN_" + variable));
    }
    Map<String, Object> seen = new TreeMap<>();

    Path table = Path.of("numbers.csv");
    Files.writeString(table, "a,b\n10,20\n");
    String repository = REPOSITORIES.createRepository()._file(table.toFile()).metadata(Map.of("name", "generated")).execute().getRepositoryId();
    Repository described = REPOSITORIES.getRepository(repository).execute();
    seen.put("repository", List.of(described.getName(), described.getInput(), described.getCreatedBy()));
    File uploaded = REPOSITORIES.downloadRepositoryInputFile(repository, "numbers.csv").execute();
    seen.put("uploaded", new String(content(uploaded), StandardCharsets.UTF_8));

    // okhttp sends no form without a field, so the job has metadata.
    String key = System.getenv("VBRAIN_KEY");
    Map<String, Object> metadata = Map.of("name", "a run");
    String job = JOBS.executeJob().repositoryId(repository).idempotencyKey(key).metadata(metadata).execute().getJobId();
    seen.put("replayed", JOBS.executeJob().repositoryId(repository).idempotencyKey(key).metadata(metadata).execute().getJobId().equals(job));

    // The call gives the open connection; the model reads each event.
    JobEvent event = null;
    try (Response stream = JOBS.streamJobEvents(job).buildCall(null).execute();
        BufferedReader lines = new BufferedReader(new InputStreamReader(stream.body().byteStream(), StandardCharsets.UTF_8))) {
      for (String line; (line = lines.readLine()) != null; ) {
        if (line.startsWith("data:")) event = JobEvent.fromJson(line.substring(5));
      }
    }
    if (!event.getJobId().equals(job)) throw new Exception("an event of " + event.getJobId());
    seen.put("last_event", event.getJobStatus());

    Job info = ended(job);
    seen.put("job", List.of(info.getJobStatus(), info.getReason(), info.getRepositoryId().equals(repository)));
    seen.put("output", output(job));
    List<ListJobs200ResponseInner> listed = JOBS.listJobs().repositoryId(repository).execute();
    seen.put("jobs", listed.size() == 1 && listed.get(0).getString().equals(job));
    seen.put("role", new TenantApi(CLIENT).getUsage().execute().getRole());

    byte[] whole = content(RESULTS.downloadJobOutput(job).execute());
    byte[] first;
    String etag;
    try (Response begun = RESULTS.downloadJobOutput(job).buildCall(null).execute()) {
      first = begun.body().byteStream().readNBytes(40);
      etag = begun.header("ETag");
    }
    ApiResponse<File> answer = RESULTS.downloadJobOutput(job).range("bytes=40-").ifRange(etag).executeWithHttpInfo();
    byte[] rest = content(answer.getData());
    byte[] both = Arrays.copyOf(first, first.length + rest.length);
    System.arraycopy(rest, 0, both, first.length, rest.length);
    seen.put("resumed", List.of(answer.getStatusCode(), Arrays.equals(both, whole)));
    File product = RESULTS.downloadJobOutputFile(job, "product.txt").execute();
    seen.put("file", new String(content(product), StandardCharsets.UTF_8));

    Batch params = new Batch().addParamsItem(Map.of("a", 3, "b", 4)).addParamsItem(Map.of("a", 5, "b", 6));
    List<Object> batch = new ArrayList<>();
    for (String each : JOBS.executeBatch(repository, params).execute().getJobIds()) {
      ended(each);
      batch.add(output(each));
    }
    seen.put("batch", batch);

    REPOSITORIES.deleteRepository(repository).execute();
    try {
      JOBS.getJob(job).execute();
    } catch (ApiException refusal) {
      if (refusal.getCode() != 404) throw refusal;
      seen.put("refusal", Error.fromJson(refusal.getResponseBody()).getError());
    }
    System.out.println(new Gson().toJson(seen));
    CLIENT.getHttpClient().dispatcher().executorService().shutdown();
    CLIENT.getHttpClient().connectionPool().evictAll();
  }
}
