// Sends each case of forms/cases.json with one HTTP client: Forms CLIENT URL CASES. Run by record.py, which writes the
// cases as lines with tabs: case, then name of a field, file name (or empty) and content in Base64 for each part.
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

import okhttp3.MediaType;
import okhttp3.MultipartBody;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import org.apache.hc.client5.http.classic.methods.HttpPost;
import org.apache.hc.client5.http.entity.mime.HttpMultipartMode;
import org.apache.hc.client5.http.entity.mime.MultipartEntityBuilder;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.core5.http.ContentType;

class Forms {
  record Part(String field, String filename, byte[] content) {
    String text() { return new String(content, StandardCharsets.UTF_8); }
  }

  public static void main(String[] arguments) throws Exception {
    for (String line : Files.readAllLines(Path.of(arguments[2]))) {
      String[] columns = line.split("\t", -1);
      List<Part> parts = new ArrayList<>();
      for (int i = 1; i + 2 < columns.length; i += 3) {
        parts.add(new Part(columns[i], columns[i + 1], Base64.getDecoder().decode(columns[i + 2])));
      }
      String target = arguments[1] + "/" + arguments[0] + "/" + columns[0];
      switch (arguments[0]) {
        case "java" -> handMade(target, parts);
        case "apache5" -> apache(target, parts, HttpMultipartMode.STRICT);
        case "apache5_extended" -> apache(target, parts, HttpMultipartMode.EXTENDED);
        case "apache5_legacy" -> apache(target, parts, HttpMultipartMode.LEGACY);
        default -> okhttp(target, parts);
      }
    }
    System.exit(0);
  }

  // java.net.http has no forms: everybody writes them like this.
  static void handMade(String target, List<Part> parts) throws Exception {
    String boundary = "----JavaBoundary1593606896";
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    for (Part part : parts) {
      String head = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + part.field() + "\"";
      head += part.filename().isEmpty() ? "\r\n\r\n"
          : "; filename=\"" + part.filename() + "\"\r\nContent-Type: application/octet-stream\r\n\r\n";
      body.write(head.getBytes(StandardCharsets.UTF_8));
      body.write(part.content());
      body.write("\r\n".getBytes(StandardCharsets.UTF_8));
    }
    body.write(("--" + boundary + "--\r\n").getBytes(StandardCharsets.UTF_8));
    HttpRequest request = HttpRequest.newBuilder(URI.create(target)).version(HttpClient.Version.HTTP_1_1)
        .header("Content-Type", "multipart/form-data; boundary=" + boundary)
        .POST(HttpRequest.BodyPublishers.ofByteArray(body.toByteArray())).build();
    HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.discarding());
  }

  static void apache(String target, List<Part> parts, HttpMultipartMode mode) throws Exception {
    MultipartEntityBuilder form = MultipartEntityBuilder.create().setMode(mode);
    if (mode == HttpMultipartMode.LEGACY) form.setCharset(StandardCharsets.UTF_8);
    for (Part part : parts) {
      if (part.filename().isEmpty()) {
        form.addTextBody(part.field(), part.text(), ContentType.TEXT_PLAIN.withCharset(StandardCharsets.UTF_8));
      } else {
        form.addBinaryBody(part.field(), part.content(), ContentType.create("text/csv"), part.filename());
      }
    }
    HttpPost request = new HttpPost(target);
    request.setEntity(form.build());
    try (var client = HttpClients.createDefault()) {
      client.execute(request, answer -> null);
    }
  }

  static void okhttp(String target, List<Part> parts) throws Exception {
    MultipartBody.Builder form = new MultipartBody.Builder().setType(MultipartBody.FORM);
    for (Part part : parts) {
      if (part.filename().isEmpty()) {
        form.addFormDataPart(part.field(), part.text());
      } else {
        RequestBody content = RequestBody.create(part.content(), MediaType.get("text/csv"));
        form.addFormDataPart(part.field(), part.filename(), content);
      }
    }
    new OkHttpClient().newCall(new Request.Builder().url(target).post(form.build()).build()).execute().close();
  }
}
