#include "api-server/live/stream_guard.hpp"

#include <utility>

#include "api-server/api_keys/last_uses.hpp"
#include "base/log/log.hpp"

namespace vbrain::api {

StreamGuard::StreamGuard(const Services& services, Identity identity, base::RequestIds ids, Permission permission,
                         std::unique_ptr<StreamPlaces::Place> place)
    : services_(&services),
      identity_(std::move(identity)),
      ids_(std::move(ids)),
      permission_(permission),
      place_(std::move(place)),
      next_check_(std::chrono::steady_clock::now() + services.streams.period()) {}

Result<StreamGuard, Refusal> StreamGuard::admit(const Call& call, Permission permission) {
  auto identity = read_identity(call.exchange.head.fields, RepositoryHeader::kOptional);
  if (!identity) return Unexpected<Refusal>(std::move(identity.error()));
  auto place = call.services.streams.take(call.caller.tenant);
  if (!place) return Unexpected<Refusal>(std::move(place.error()));
  return StreamGuard(call.services, std::move(*identity), call.caller.ids, permission, std::move(*place));
}

bool StreamGuard::permits(http::SteadyTime now) {
  if (now < next_check_) return true;
  next_check_ = now + services_->streams.period();
  const auto ended = [&](std::string_view why) {
    base::log_info("a stream was ended because its key does not permit it any more",
                   {{"username", identity_.username},
                    {"organization", identity_.organization_id},
                    {"application", identity_.application_id},
                    {"client", identity_.client_id},
                    {"key_id", readable_key_id(identity_.api_key)},
                    ids_,
                    {"detail", why}});
    return false;
  };
  if (const std::string_view why = services_->keys_unknown(); !why.empty()) return ended(why);
  const KnownKeys known{services_->clients, services_->issued_keys, services_->issued_keys_state()};
  const auto caller = authenticate(known, identity_, services_->clock.now());
  if (!caller) return ended(caller.error().for_operator.empty() ? caller.error().detail : caller.error().for_operator);
  if (caller->issued != nullptr) services_->last_uses.note(*caller->issued, services_->clock.now());
  return may(caller->role, permission_) || ended("the role of the user has changed");
}

}  // namespace vbrain::api
