#pragma once

#include <cstdint>
#include <optional>

#include "api-server/routes/call.hpp"
#include "api-server/uploads/tus.hpp"
#include "artifacts/uploads/upload_store.hpp"

namespace vbrain::api {

// The state of an upload, once nobody writes to it any more. A request whose client has gone makes durable what came of
// it, which takes a moment; after two seconds the writer counts as dead or stuck, and its state (kWriting) is returned.
// Nothing: the upload was removed. Throws VolumeError, and BodyError (kGone) if this client goes meanwhile.
http::Task<std::optional<artifacts::UploadState>> settled_state(Call& call, const artifacts::Upload& upload);

// The refusal of a body that is longer than the `left` bytes that an upload lacks. Pure.
Refusal too_many_bytes(std::uint64_t left);

// Adds the body of the request to the upload at `offset`, with constant memory, and returns the new offset: what is
// behind it in the upload is durable. If the body ends early, what came of it is kept, unless it has a checksum. If the
// tenant's storageQuota is used up meanwhile, what came is kept too.
// Refuses with kUploadOffset, kTooLarge, kNoSpace, kChecksum, kNoUpload. Throws BodyError, VolumeError, Overloaded.
http::Task<Result<std::uint64_t, Refusal>> receive(Call& call, const artifacts::Upload& upload, std::uint64_t offset,
                                                   const std::optional<Checksum>& checksum);

}  // namespace vbrain::api
