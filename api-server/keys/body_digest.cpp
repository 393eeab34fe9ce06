#include "api-server/keys/body_digest.hpp"

#include "base/text/digest.hpp"

namespace vbrain::api {

std::string digest_of_form(const FormDigests& form) {
  // Each line is a name and a digest, so no content can look like another line.
  std::string text = "form\n";
  const auto add = [&](std::string_view name, const std::optional<std::string>& content) {
    if (content) text.append(name).append(" ").append(base::sha256_hex(*content)).append("\n");
  };
  add("params", form.params);
  add("metadata", form.metadata);
  add("priority", form.priority);
  add("upload_id", form.upload_id);
  add("callback_url", form.callback_url);
  add("file name", form.file_name);
  if (form.file_name) text.append("file ").append(form.file_sha256).append("\n");
  return base::sha256_hex(text);
}

std::string digest_of_json(std::string_view sha256) {
  return base::sha256_hex("json\n" + std::string(sha256));
}

std::string digest_of_no_body() {
  return base::sha256_hex("none\n");
}

std::string digest_of_request(std::string_view path, std::string_view repository_id, std::string_view body,
                              std::string_view upload_id) {
  std::string text(path);
  text.append("\n").append(repository_id).append("\n").append(body).append("\n");
  if (!upload_id.empty()) text.append("upload ").append(upload_id).append("\n");
  return base::sha256_hex(text);
}

}  // namespace vbrain::api
