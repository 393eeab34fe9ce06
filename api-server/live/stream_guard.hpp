#pragma once

#include <memory>

#include "api-server/auth/auth.hpp"
#include "api-server/live/stream_places.hpp"
#include "api-server/routes/call.hpp"
#include "base/log/request_ids.hpp"
#include "http/waiting.hpp"

namespace vbrain::api {

// Who has a stream open: its place among the tenant's streams, and whether its key still permits it. For one I/O
// thread.
class StreamGuard {
 public:
  // For the sender of `call`, which was admitted. Refuses with kTooMany.
  static Result<StreamGuard, Refusal> admit(const Call& call, Permission permission);

  // False when the key was revoked, has expired, may not do this any more, or cannot be checked: then the stream ends.
  // Looks at most once in StreamPlaces::period(). No I/O.
  bool permits(http::SteadyTime now);
  // When permits() looks again.
  http::SteadyTime next_check() const { return next_check_; }
  // Of the request that has opened the stream.
  const base::RequestIds& ids() const { return ids_; }

 private:
  StreamGuard(const Services& services, Identity identity, base::RequestIds ids, Permission permission,
              std::unique_ptr<StreamPlaces::Place> place);

  const Services* services_;
  Identity identity_;
  base::RequestIds ids_;
  Permission permission_;
  std::unique_ptr<StreamPlaces::Place> place_;
  http::SteadyTime next_check_;
};

}  // namespace vbrain::api
