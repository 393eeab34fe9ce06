#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "kube/api/error.hpp"
#include "kube/api/object.hpp"
#include "kube/api/request.hpp"
#include "kube/transport/transport.hpp"

namespace vbrain::kube {

// Typed calls to the Kubernetes API over a Transport. At most `max_in_flight` calls run at once and the others wait,
// because more than 32 connections only add latency. Thread-safe; calls block. Every call ends with kCancelled soon
// after `stop`.
//
// T is a struct of a resource. It has `static const ResourceType kType` and `static T decode(const nlohmann::json&)`.
// If decode throws DecodeError, the call returns kInternal with the reason "Malformed". No call throws, except
// std::bad_alloc. The returned object is what the API server stored, with its new resourceVersion.
class ApiClient {
 public:
  // `transport` must outlive the ApiClient.
  explicit ApiClient(Transport& transport, std::size_t max_in_flight = 32);

  // One page, as the API server answers: {"metadata": {"continue", "resourceVersion"}, "items": [...]}.
  KubeResult<nlohmann::json> list(const ResourceType& type, std::string_view ns, const ListOptions& options = {},
                                  std::stop_token stop = {});
  KubeResult<nlohmann::json> create(const ResourceType& type, std::string_view ns, const nlohmann::json& body,
                                    std::stop_token stop = {});
  KubeResult<nlohmann::json> patch(const ResourceType& type, std::string_view ns, std::string_view name,
                                   const nlohmann::json& patch, Subresource subresource = {},
                                   std::stop_token stop = {});
  // Success does not mean that the object is gone: finalizers or a kubelet may still have to act.
  KubeResult<void> remove(const ResourceType& type, std::string_view ns, std::string_view name,
                          const DeleteOptions& options = {}, std::stop_token stop = {});

  template <class T>
  KubeResult<T> get(std::string_view ns, std::string_view name, std::stop_token stop = {}) {
    return typed<T>(get_request(T::kType, ns, name), stop);
  }
  template <class T>
  KubeResult<T> create(std::string_view ns, const nlohmann::json& body, std::stop_token stop = {}) {
    return create<T>(ns, body, CreateOptions{}, stop);
  }
  template <class T>
  KubeResult<T> create(std::string_view ns, const nlohmann::json& body, const CreateOptions& options,
                       std::stop_token stop) {
    return typed<T>(create_request(T::kType, ns, body, options), stop);
  }
  // Replaces the object's status. `body` needs metadata.name, and metadata.resourceVersion as the precondition.
  template <class T>
  KubeResult<T> replace_status(std::string_view ns, const nlohmann::json& body, std::stop_token stop = {}) {
    return typed<T>(replace_request(T::kType, ns, meta_text(body, "name"), body, "status"), stop);
  }
  template <class T>
  KubeResult<T> patch(std::string_view ns, std::string_view name, const nlohmann::json& patch,
                      Subresource subresource = {}, std::stop_token stop = {}) {
    return typed<T>(patch_request(T::kType, ns, name, patch, subresource), stop);
  }

  // As create() and replace_status(), for callers that know what they wrote: of the answer only the metadata is sent
  // and read.
  KubeResult<ObjectMeta> create_for_meta(const ResourceType& type, std::string_view ns, const nlohmann::json& body,
                                         const CreateOptions& options = {}, std::stop_token stop = {}) {
    return meta_of(create_request(type, ns, body, options), type, stop);
  }
  KubeResult<ObjectMeta> replace_status_for_meta(const ResourceType& type, std::string_view ns,
                                                 const nlohmann::json& body, std::stop_token stop = {}) {
    return meta_of(replace_request(type, ns, meta_text(body, "name"), body, "status"), type, stop);
  }

  // Any request, under the same limit of calls in flight.
  KubeResult<Response> call(const Request& request, std::stop_token stop = {});

 private:
  using Use = std::function<void(const nlohmann::json&)>;

  template <class T>
  KubeResult<T> typed(const Request& request, std::stop_token stop) {
    std::optional<T> object;
    auto done =
        call_and_use(request, T::kType, stop, [&](const nlohmann::json& answer) { object.emplace(T::decode(answer)); });
    if (!done) return tl::unexpected(std::move(done.error()));
    return std::move(*object);
  }
  KubeResult<ObjectMeta> meta_of(Request request, const ResourceType& type, std::stop_token stop);
  // Passes the parsed answer to `use`; a DecodeError becomes kInternal.
  KubeResult<void> call_and_use(const Request& request, const ResourceType& type, std::stop_token stop, const Use& use);

  Transport& transport_;
  std::mutex mutex_;
  std::condition_variable_any freed_;
  std::size_t free_;
};

}  // namespace vbrain::kube
