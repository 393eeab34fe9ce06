#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string_view>

#include "kube/api/api_client.hpp"

namespace vbrain::kube {

// Calls `visit` with the items of one page after another of all objects of a kind, as the API server has them now: a
// consistent read, past every cache. Memory: one page of 500 objects, fewer if these are too large for one answer. The
// objects were read at one moment; kGone means that this took longer than the API server keeps that state, so the whole
// list must be read again. Ends early, without an error, when `visit` returns false. kCancelled soon after `stop`.
// Blocks. Exceptions of `visit` pass through.
KubeResult<void> each_page(ApiClient& client, const ResourceType& type, std::string_view ns,
                           const std::function<bool(const nlohmann::json& items)>& visit, std::stop_token stop);

}  // namespace vbrain::kube
