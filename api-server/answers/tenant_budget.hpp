#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "api-server/errors.hpp"
#include "base/tenant.hpp"
#include "http/task.hpp"

namespace vbrain::api {

// Limits the bytes that requests hold, of all tenants together and of each one, so that slow readers of one tenant
// leave room for the others. One object for each resource: the JSON texts on their way in or out
// (Services::json_budget: the body of a request while it is read and published, an answer from before it is built until
// its last byte is sent; only the texts count, working on one takes a few times its size), the lists of ids, the
// archives on the volume. Thread-safe.
class TenantBudget {
 public:
  // A text of up to this size is not counted: most requests and answers are that small.
  static constexpr std::size_t kFree = 16 * 1024;

  // The tenant holds as much as it may. Others are served.
  class TenantFull : public http::Overloaded {
   public:
    explicit TenantFull(std::uint64_t bytes)
        : Overloaded("the tenant's part of a budget is used up"), bytes_(bytes) {}
    // As much as a tenant may hold.
    std::uint64_t bytes() const { return bytes_; }

   private:
    std::uint64_t bytes_;
  };

  // `bytes`: of all tenants together. `tenant_bytes`: of one tenant. `free`: a Share of up to this size is not counted.
  TenantBudget(std::uint64_t bytes, std::uint64_t tenant_bytes, std::size_t free = kFree)
      : tenant_bytes_(tenant_bytes), free_(free), left_(bytes) {}

  // What one request holds. It is given back when the Share ends. For one thread at a time.
  class Share {
   public:
    Share(TenantBudget& budget, const base::Tenant& tenant) : budget_(&budget), tenant_(tenant) {}
    Share(Share&& other) noexcept
        : budget_(other.budget_), tenant_(std::move(other.tenant_)), held_(std::exchange(other.held_, 0)) {}
    Share& operator=(Share&&) = delete;
    ~Share() { settle(0); }

    // Grows the share to `bytes`; a larger share stays as it is. Call it before the memory is taken. Throws TenantFull
    // if the tenant would hold too much, else http::Overloaded if all together would; nothing is changed then.
    void cover(std::size_t bytes);
    // Shrinks the share to `bytes`; a smaller share stays as it is.
    void settle(std::size_t bytes);

   private:
    TenantBudget* budget_;
    base::Tenant tenant_;
    std::uint64_t held_ = 0;
  };

  // Whether the tenant's part has room for `bytes` more. Then a Share that gets no room lacks that of all together.
  bool tenant_has_room(const base::Tenant& tenant, std::uint64_t bytes) const;
  // What one tenant may hold.
  std::uint64_t tenant_bytes() const { return tenant_bytes_; }
  // What the tenant can still take.
  std::uint64_t room(const base::Tenant& tenant) const;

 private:
  const std::uint64_t tenant_bytes_;
  const std::size_t free_;
  mutable std::mutex mutex_;
  std::uint64_t left_;
  std::map<base::Tenant, std::uint64_t> held_;  // of tenants that hold something
};

// One tenant's part of `max_json_memory`: half, but enough for one request with both its fields. Pure.
std::uint64_t tenant_json_memory(std::uint64_t max_json_memory, std::uint64_t max_json_bytes);

// 200 with a copy of `json`. `share` grows for the copy first and then belongs to the answer.
http::Reply held_json(TenantBudget::Share share, const std::string& json);

// The answer keeps the share until it is sent.
void hold_until_sent(http::Reply& reply, TenantBudget::Share share);

}  // namespace vbrain::api
