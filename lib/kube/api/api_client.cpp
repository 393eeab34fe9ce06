#include "kube/api/api_client.hpp"

#include <nlohmann/json.hpp>

namespace vbrain::kube {
namespace {

using nlohmann::json;

KubeResult<json> parsed(KubeResult<Response> answer) {
  if (!answer) return tl::unexpected(std::move(answer.error()));
  json object = json::parse(answer->body, nullptr, false);
  if (!object.is_object()) return tl::unexpected(malformed_error("the API server's answer is no JSON object"));
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

KubeResult<json> ApiClient::get(const ResourceType& type, std::string_view ns, std::string_view name,
                                std::stop_token stop) {
  return parsed(call(get_request(type, ns, name), stop));
}

KubeResult<json> ApiClient::list(const ResourceType& type, std::string_view ns, const ListOptions& options,
                                 std::stop_token stop) {
  return parsed(call(list_request(type, ns, options), stop));
}

KubeResult<json> ApiClient::create(const ResourceType& type, std::string_view ns, const json& body,
                                   std::stop_token stop) {
  return parsed(call(create_request(type, ns, body), stop));
}

KubeResult<json> ApiClient::replace(const ResourceType& type, std::string_view ns, const json& body,
                                    std::stop_token stop) {
  return parsed(call(replace_request(type, ns, name_of(body), body), stop));
}

KubeResult<json> ApiClient::replace_status(const ResourceType& type, std::string_view ns, const json& body,
                                           std::stop_token stop) {
  return parsed(call(replace_request(type, ns, name_of(body), body, "status"), stop));
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

KubeResult<void> ApiClient::call_and_use(const Request& request, std::stop_token stop, const Use& use) {
  auto object = parsed(call(request, stop));
  if (!object) return tl::unexpected(std::move(object.error()));
  try {
    use(*object);
  } catch (const DecodeError& error) {
    return tl::unexpected(malformed_error(error.what()));
  }
  return {};
}

KubeResult<void> ApiClient::list_each(const ResourceType& type, std::string_view ns, ListOptions options,
                                      std::stop_token stop, const Use& use) {
  static constexpr std::uint32_t kPage = 500;
  if (options.limit == 0) options.limit = kPage;
  do {
    std::string next;
    const auto use_page = [&](const json& page) {
      const json* meta = find_member(page, "metadata");
      if (meta != nullptr) next = get_string(*meta, "continue");
      const json* items = find_member(page, "items");
      if (items == nullptr) return;
      if (!items->is_array()) throw DecodeError("field 'items' is not a list");
      for (const json& item : *items) use(item);
    };
    if (auto done = call_and_use(list_request(type, ns, options), stop, use_page); !done) return done;
    options.continue_token = std::move(next);
  } while (!options.continue_token.empty());
  return {};
}

std::string ApiClient::name_of(const json& body) {
  return meta_text(body, "name");
}

}  // namespace vbrain::kube
