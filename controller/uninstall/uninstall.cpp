#include "controller/uninstall/uninstall.hpp"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log/log.hpp"
#include "job/client.hpp"
#include "job/job.hpp"

namespace vbrain::controller {
namespace {

using kube::ErrorCode;
using nlohmann::json;

constexpr kube::ResourceType kNamespaceType{"", "v1", "namespaces", "Namespace"};
constexpr std::chrono::milliseconds kPatience{5'000};

kube::KubeResult<json> read(kube::ApiClient& client, kube::Request request, std::stop_token stop) {
  request.timeout = kPatience;
  const auto answer = client.call(request, std::move(stop));
  if (!answer) return tl::unexpected(answer.error());
  return json::parse(answer->body, nullptr, false);
}

bool is_marked(const json& space) {
  const json* meta = kube::find_member(space, "metadata");
  return meta != nullptr && kube::find_member(*meta, "deletionTimestamp") != nullptr;
}

// True if an APIResourceList says that objects of this kind can be created.
bool offers_create(const json& list, const kube::ResourceType& type) {
  const json* resources = kube::find_member(list, "resources");
  if (resources == nullptr || !resources->is_array()) return false;
  return std::ranges::any_of(*resources, [&](const json& resource) {
    const json* name = kube::find_member(resource, "name");
    const json* verbs = kube::find_member(resource, "verbs");
    return name != nullptr && *name == type.plural && verbs != nullptr && verbs->is_array() &&
           std::ranges::find(*verbs, json("create")) != verbs->end();
  });
}

// What it means that the namespace may not be read.
enum class Forbidden { kGoesOn, kUnknown };

kube::KubeResult<bool> is_being_uninstalled(kube::ApiClient& client, const std::string& ns, Forbidden forbidden,
                                            std::initializer_list<kube::ResourceType> kinds, std::stop_token stop) {
  const auto space = read(client, kube::get_request(kNamespaceType, "", ns), stop);
  if (!space && space.error().code == ErrorCode::kForbidden && forbidden == Forbidden::kGoesOn) {
    base::log_warning("no right to see whether the namespace is being deleted; the controller's Role needs get on it",
                      {{"namespace", ns}});
  } else if (!space) {
    return space.error().code == ErrorCode::kNotFound ? kube::KubeResult<bool>(true) : tl::unexpected(space.error());
  } else if (is_marked(*space)) {
    return true;
  }
  // Every account may read the API resources. The API server does not list "create" for a definition that is being
  // deleted.
  const auto offered = read(client, {.method = "GET", .target = "/apis/vbrain.visagio.com/v1"}, stop);
  if (!offered) {
    return offered.error().code == ErrorCode::kNotFound ? kube::KubeResult<bool>(true)
                                                        : tl::unexpected(offered.error());
  }
  return !std::ranges::all_of(kinds, [&](const kube::ResourceType& type) { return offers_create(*offered, type); });
}

}  // namespace

kube::KubeResult<bool> is_being_uninstalled(kube::ApiClient& client, const std::string& ns, std::stop_token stop) {
  return is_being_uninstalled(client, ns, Forbidden::kGoesOn, {job::Job::kType}, std::move(stop));
}

kube::KubeResult<bool> are_clients_being_uninstalled(kube::ApiClient& client, const std::string& ns,
                                                     std::stop_token stop) {
  return is_being_uninstalled(client, ns, Forbidden::kUnknown, {job::Job::kType, job::Client::kType}, std::move(stop));
}

}  // namespace vbrain::controller
