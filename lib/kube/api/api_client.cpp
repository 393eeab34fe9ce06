#include "kube/api/api_client.hpp"

#include <nlohmann/json.hpp>

#include "kube/api/json_cut.hpp"

namespace vbrain::kube {
namespace {

using nlohmann::json;

KubeResult<json> parsed(KubeResult<Response> answer) {
  if (!answer) return tl::unexpected(std::move(answer.error()));
  json object = json::parse(answer->body, nullptr, false);
  if (!object.is_object()) return tl::unexpected(malformed_error("the API server's answer is not a JSON object"));
  return object;
}

}  // namespace

ApiClient::ApiClient(Transport& transport, std::size_t max_in_flight) : transport_(transport), free_(max_in_flight) {}

KubeResult<Response> ApiClient::call(const Request& request, std::stop_token stop) {
  {
    std::unique_lock lock(mutex_);
    if (!freed_.wait(lock, stop, [this] { return free_ > 0; })) {
      Error cancelled = cancelled_error();
      cancelled.unsent = true;
      return tl::unexpected(std::move(cancelled));
    }
    --free_;
  }
  // Also released if the transport throws.
  struct Slot {
    ApiClient& client;
    ~Slot() {
      {
        const std::lock_guard lock(client.mutex_);
        ++client.free_;
      }
      client.freed_.notify_one();
    }
  } const slot{*this};
  return transport_.call(request, stop);
}

KubeResult<json> ApiClient::list(const ResourceType& type, std::string_view ns, const ListOptions& options,
                                 std::stop_token stop) {
  return parsed(call(list_request(type, ns, options), stop));
}

KubeResult<json> ApiClient::create(const ResourceType& type, std::string_view ns, const json& body,
                                   std::stop_token stop) {
  return parsed(call(create_request(type, ns, body), stop));
}

KubeResult<json> ApiClient::patch(const ResourceType& type, std::string_view ns, std::string_view name,
                                  const json& patch, Subresource subresource, std::stop_token stop) {
  return parsed(call(patch_request(type, ns, name, patch, subresource), stop));
}

KubeResult<void> ApiClient::remove(const ResourceType& type, std::string_view ns, std::string_view name,
                                   const DeleteOptions& options, std::stop_token stop) {
  auto answer = call(delete_request(type, ns, name, options), stop);
  if (!answer) return tl::unexpected(std::move(answer.error()));
  return {};
}

KubeResult<ObjectMeta> ApiClient::meta_of(Request request, const ResourceType& type, std::stop_token stop) {
  request.only_metadata = true;
  ObjectMeta meta;
  auto done = call_and_use(request, type, stop, [&](const json& answer) { meta = decode_meta(answer); });
  if (!done) return tl::unexpected(std::move(done.error()));
  return meta;
}

KubeResult<void> ApiClient::call_and_use(const Request& request, const ResourceType& type, std::stop_token stop,
                                         const Use& use) {
  const auto answer = call(request, stop);
  if (!answer) return tl::unexpected(answer.error());
  const auto object = parse_object(answer->body, type.spec_member);
  if (!object || !object->is_object())
    return tl::unexpected(malformed_error("the API server's answer is not a JSON object"));
  try {
    use(*object);
  } catch (const DecodeError& error) {
    return tl::unexpected(malformed_error(error.what()));
  }
  return {};
}

}  // namespace vbrain::kube
