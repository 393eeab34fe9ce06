#include "kube/api/request.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/text/percent.hpp"

namespace vbrain::kube {
namespace {

using nlohmann::json;

// Programs that normalize a path remove the segments "." and ".." (RFC 3986 section 6.2.2.3), so these are encoded.
std::string segment(std::string_view text) {
  if (text == ".") return "%2E";
  if (text == "..") return "%2E%2E";
  return base::percent_encode(text);
}

std::string collection_path(const ResourceType& type, std::string_view ns) {
  std::string path = type.group.empty() ? "/api/" : "/apis/" + segment(type.group) + "/";
  path += segment(type.version);
  if (!ns.empty()) path += "/namespaces/" + segment(ns);
  return path + "/" + segment(type.plural);
}

std::string object_path(const ResourceType& type, std::string_view ns, std::string_view name,
                        Subresource subresource = {}) {
  std::string path = collection_path(type, ns) + "/" + segment(name);
  if (!subresource.empty()) path += "/" + segment(subresource);
  return path;
}

class Query {
 public:
  void add(std::string_view key, std::string_view value) {
    text_ += text_.empty() ? '?' : '&';
    text_ += key;
    text_ += '=';
    text_ += base::percent_encode(value);
  }
  void add_unless_empty(std::string_view key, std::string_view value) {
    if (!value.empty()) add(key, value);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

Request with_json(std::string method, std::string target, std::string content_type, const json& body) {
  // Bytes that are not UTF-8 become U+FFFD instead of an exception.
  return {.method = std::move(method),
          .target = std::move(target),
          .content_type = std::move(content_type),
          .body = body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

}  // namespace

Request get_request(const ResourceType& type, std::string_view ns, std::string_view name) {
  return {.method = "GET", .target = object_path(type, ns, name)};
}

Request list_request(const ResourceType& type, std::string_view ns, const ListOptions& options) {
  Query query;
  query.add_unless_empty("labelSelector", options.label_selector);
  query.add_unless_empty("fieldSelector", options.field_selector);
  if (options.limit > 0) query.add("limit", std::to_string(options.limit));
  query.add_unless_empty("continue", options.continue_token);
  return {.method = "GET", .target = collection_path(type, ns) + query.text()};
}

Request watch_request(const ResourceType& type, std::string_view ns, const WatchOptions& options) {
  Query query;
  query.add("watch", "true");
  query.add("allowWatchBookmarks", "true");
  query.add_unless_empty("labelSelector", options.label_selector);
  query.add_unless_empty("fieldSelector", options.field_selector);
  query.add_unless_empty("resourceVersion", options.resource_version);
  query.add("timeoutSeconds", std::to_string(options.timeout.count()));
  return {.method = "GET", .target = collection_path(type, ns) + query.text()};
}

Request create_request(const ResourceType& type, std::string_view ns, const json& body, const CreateOptions& options) {
  Query query;
  if (options.strict) query.add("fieldValidation", "Strict");
  if (options.dry_run) query.add("dryRun", "All");
  return with_json("POST", collection_path(type, ns) + query.text(), "application/json", body);
}

Request replace_request(const ResourceType& type, std::string_view ns, std::string_view name, const json& body,
                        Subresource subresource) {
  return with_json("PUT", object_path(type, ns, name, subresource), "application/json", body);
}

Request patch_request(const ResourceType& type, std::string_view ns, std::string_view name, const json& patch,
                      Subresource subresource) {
  return with_json("PATCH", object_path(type, ns, name, subresource), "application/merge-patch+json", patch);
}

Request delete_request(const ResourceType& type, std::string_view ns, std::string_view name,
                       const DeleteOptions& options) {
  json body = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
  if (!options.preconditions.uid.empty()) body["preconditions"]["uid"] = options.preconditions.uid;
  if (!options.preconditions.resource_version.empty()) {
    body["preconditions"]["resourceVersion"] = options.preconditions.resource_version;
  }
  return with_json("DELETE", object_path(type, ns, name), "application/json", body);
}

}  // namespace vbrain::kube
