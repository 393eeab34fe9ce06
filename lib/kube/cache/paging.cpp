#include "kube/cache/paging.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>

namespace vbrain::kube {
namespace {

constexpr std::uint32_t kPage = 500;

}  // namespace

KubeResult<void> each_page(ApiClient& client, const ResourceType& type, std::string_view ns,
                           const std::function<bool(const nlohmann::json& items)>& visit, std::stop_token stop) {
  ListOptions options{.limit = kPage};
  do {
    const auto page = client.list(type, ns, options, stop);
    if (!page && page.error().code == ErrorCode::kTooLarge && options.limit > 1) {
      options.limit /= 2;
      continue;
    }
    if (!page) return tl::unexpected(page.error());
    const nlohmann::json* items = find_member(*page, "items");
    const nlohmann::json* meta = find_member(*page, "metadata");
    if (items == nullptr || !items->is_array() || meta == nullptr) {
      return tl::unexpected(malformed_error("the API server's answer is not a list"));
    }
    if (!visit(*items)) return {};
    options.continue_token = get_string(*meta, "continue");
    if (stop.stop_requested()) return tl::unexpected(cancelled_error());
    if (options.continue_token.empty()) return {};
  } while (true);
}

}  // namespace vbrain::kube
