#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "kube/api/object.hpp"

namespace vbrain::kube {

// An HTTP request to the API server. Built without I/O, so that tests can read it.
struct Request {
  std::string method;
  std::string target;  // path and query, percent-encoded
  std::string content_type = {};
  std::string body = {};
  std::chrono::milliseconds timeout{0};  // for the whole call; 0: the transport's default
  // The answer needs nothing but the object's metadata (meta.k8s.io PartialObjectMetadata). A server that cannot leave
  // out the rest sends it all.
  bool only_metadata = false;
};

struct ListOptions {
  std::string label_selector = {};
  std::string field_selector = {};
  std::uint32_t limit = 0;          // 0: everything in one answer
  std::string continue_token = {};  // of the previous page, which had the same selectors and limit
};

struct WatchOptions {
  std::string label_selector = {};
  std::string field_selector = {};
  std::string resource_version = {};  // of the list or of the last event
  std::chrono::seconds timeout{300};  // after which the server ends the watch
};

// Preconditions of a delete (metav1.Preconditions). The API server answers kConflict if one fails.
struct Preconditions {
  std::string uid = {};
  std::string resource_version = {};
};

struct DeleteOptions {
  Preconditions preconditions = {};
};

// How the API server checks a create request.
struct CreateOptions {
  // Refuses unknown and duplicate fields (fieldValidation=Strict). Without it the API server drops them in silence.
  bool strict = false;
  // Runs all checks and admission, and stores nothing (dryRun=All).
  bool dry_run = false;
};

// A subresource: "" is the object itself; "status", "binding", ...
using Subresource = std::string_view;

// Names are percent-encoded, so a name cannot lead to another path. An empty namespace is left out of the path.
Request get_request(const ResourceType& type, std::string_view ns, std::string_view name);
Request list_request(const ResourceType& type, std::string_view ns, const ListOptions& options);
// Requests bookmarks.
Request watch_request(const ResourceType& type, std::string_view ns, const WatchOptions& options);
Request create_request(const ResourceType& type, std::string_view ns, const nlohmann::json& body,
                       const CreateOptions& options = {});
// With metadata.resourceVersion in `body`, the API server refuses to overwrite another version.
Request replace_request(const ResourceType& type, std::string_view ns, std::string_view name,
                        const nlohmann::json& body, Subresource subresource = {});
// A merge patch (RFC 7386). metadata.resourceVersion in it is a precondition, else the write is unconditional.
Request patch_request(const ResourceType& type, std::string_view ns, std::string_view name, const nlohmann::json& patch,
                      Subresource subresource = {});
Request delete_request(const ResourceType& type, std::string_view ns, std::string_view name,
                       const DeleteOptions& options);

}  // namespace vbrain::kube
