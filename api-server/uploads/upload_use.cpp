#include "api-server/uploads/upload_use.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "api-server/jobs/deletion.hpp"
#include "api-server/jobs/space.hpp"
#include "api-server/transfer/file_receiver.hpp"
#include "api-server/uploads/receive.hpp"
#include "api-server/uploads/tus.hpp"
#include "artifacts/store/store.hpp"
#include "artifacts/submit/key_records.hpp"
#include "base/failpoint.hpp"
#include "base/log/log.hpp"
#include "base/text/digest.hpp"

namespace vbrain::api {
namespace {

using artifacts::ArchiveError;
using artifacts::Upload;
using artifacts::UploadState;
using Kind = UploadState::Kind;

// The clocks of this server and of the file server differ by less.
constexpr std::chrono::hours kClocks{1};

Refusal used() {
  return {.problem = Problem::kUploadUsed,
          .detail =
              "a job or repository was made of it, and an upload serves once. Remedy: upload the file again, or "
              "name the repository in the header repository_id"};
}

Refusal in_use() {
  return {.problem = Problem::kUploadUsed,
          .detail = "another request makes a job or repository of it. Remedy: if that one fails, repeat this one"};
}

Refusal unfinished(const Upload& upload, std::uint64_t offset) {
  return {.problem = Problem::kUploadUnfinished,
          .detail = std::to_string(offset) + " of " + std::to_string(upload.record().bytes) +
                    " bytes have come. Remedy: send the rest with PATCH, then repeat this request"};
}

// The first part of UploadState::by for a request that takes an upload; random without a key.
std::string owner_of(const std::optional<KeyedRequest>& key) {
  return key ? base::sha256_hex(key->name + key->request).substr(0, 32) : artifacts::random_name();
}

// Whether the request that has taken an upload may still be at work. Blocks on the volume.
bool may_live(const Services& services, const Upload& upload, std::chrono::minutes holds) {
  const auto changed = upload.changed();
  const auto now = services.volume.probe();
  return !changed || !now || *now - *changed < holds;
}

// Whether another request than the owner's has taken the upload and is still at work. Blocks on the volume.
bool is_held_by_another(const Services& services, const Upload& upload, const UploadState& state,
                        const std::string& owner) {
  if (state.kind != Kind::kUsing || state.by.starts_with(owner + "-")) return false;
  return may_live(services, upload, kClaimHolds);
}

bool is_done(const Services& services, const artifacts::Tenant& tenant, const std::optional<KeyedRequest>& key) {
  if (!key) return false;
  const auto found = find_key(services.volume, tenant, key->name);
  return found && found->done && found->record.request == key->request;
}

// The upload was not taken because a request with the same key has used it meanwhile: then this one goes on.
Result<void, Refusal> unless_done(const Services& services, const artifacts::Tenant& tenant,
                                  const std::optional<KeyedRequest>& key, Result<void, Refusal> taken) {
  if (!taken && is_done(services, tenant, key)) return {};
  return taken;
}

// As if the file had been in a form.
Result<void, ArchiveError> unpack(const Services& services, const Caller& caller, const Upload& upload,
                                  const UploadState& state, Submission& submission) {
  const artifacts::Tenant& tenant = caller.tenant;
  const auto parts = upload.parts(state);
  auto receiver = std::make_shared<FileReceiver>(upload.record().name);
  submission.input.emplace(services.bulk_workers, services.volume.stage(tenant, caller.ids));
  StagedInput& input = *submission.input;
  if (receiver->is_archive() && parts.size() == 1) {
    const artifacts::OpenFile file = upload.open_part(parts.front());
    return receiver->unpack_file(file.fd.get(), input, services.limits);
  }
  input.hold(receiver);
  receiver->open(services.volume.root().at(artifacts::layout::staging(tenant)), input.staging());
  upload.read(parts, [&](std::string_view bytes) { receiver->write(bytes); });
  return receiver->finish(input, services.limits);
}

}  // namespace

UploadUse::~UploadUse() {
  if (!claimed_) return;
  // Closing the folder may block, too.
  services_.bulk_workers.post_always(
      [upload = std::make_shared<Upload>(std::move(upload_)), from = *claimed_, ids = std::move(ids_)] {
        try {
          upload->step(from, {.offset = from.offset, .data = from.data});
        } catch (const std::exception& problem) {
          base::log_warning("an upload stays taken by a request that failed; it is free again after some minutes",
                            {{"upload", upload->id()}, ids, {"error", problem.what()}});
        }
      });
}

Result<void, Refusal> UploadUse::claim(const std::optional<KeyedRequest>& key) {
  owner_ = owner_of(key);
  return confirm();
}

Result<void, Refusal> UploadUse::confirm() {
  for (;;) {
    const auto state = upload_.state();
    if (!state) {
      return Unexpected<Refusal>(
          was_upload_used(services_.volume, tenant_, upload_.id()) ? used() : Refusal{.problem = Problem::kNoUpload});
    }
    if (state->offset < upload_.record().bytes) return Unexpected<Refusal>(unfinished(upload_, state->offset));
    if (is_held_by_another(services_, upload_, *state, owner_)) return Unexpected<Refusal>(in_use());
    UploadState mine = *state;
    mine.kind = Kind::kUsing;
    // A name of its own each time, so that a request which was overtaken can't free or change it any more.
    mine.by = owner_ + "-" + artifacts::random_name();
    if (!upload_.step(*state, mine)) continue;
    claimed_ = std::move(mine);
    return {};
  }
}

void UploadUse::spend() noexcept {
  claimed_.reset();
  try {
    const auto trashed = end_used_upload(services_.volume, tenant_, upload_);
    if (!trashed) return;
    note_upload_gone(services_, tenant_, upload_.id(), upload_.record().bytes, changed_);
    purge_later(services_, tenant_, {*trashed}, ids_);
  } catch (const std::exception& problem) {
    base::log_warning("an upload that was used could not be removed; it is removed when it expires",
                      {{"upload", upload_.id()}, ids_, {"error", problem.what()}});
  }
}

Result<Upload, Refusal> open_known_upload(const Services& services, const artifacts::Tenant& tenant,
                                          std::string_view id) {
  auto found = open_upload(services.volume, tenant, id);
  if (found) return std::move(*found);
  if (was_upload_used(services.volume, tenant, id)) return Unexpected<Refusal>(used());
  return refuse(Problem::kNoUpload);
}

Refusal expired_upload() {
  return {.problem = Problem::kNoUpload, .detail = "it has expired (Upload-Expires). Remedy: begin a new upload"};
}

bool has_expired(const Services& services, const Upload& upload) {
  const auto changed = upload.changed();
  if (!changed) return false;
  const base::TimePoint end = *changed + upload.record().expiry;
  // To ask the file server for its time costs a file.
  if (end > services.clock.now() + kClocks) return false;
  const auto now = services.volume.probe();
  return now && end < *now;
}

namespace {

// The header upload_id is the same as the field.
std::optional<Refusal> take_upload_header(const Call& call, Submission& submission) {
  const auto header = read_upload_header(call.exchange.head.fields);
  if (!header) return header.error();
  if (!*header) return std::nullopt;
  const bool other = !submission.upload_id.empty() && submission.upload_id != **header;
  if (submission.input || other) {
    return Refusal{.problem = Problem::kInvalid,
                   .subject = "upload_id",
                   .detail = submission.input ? "sent with a file; send one of them"
                                              : "header and body name different uploads; send one of them"};
  }
  submission.upload_id = **header;
  return std::nullopt;
}

// For an upload that is not there, or has expired: perhaps an earlier request with this key has used it since this one
// looked for its answer. Blocks on the volume.
Result<std::optional<http::Reply>, Refusal> answer_without_upload(const Call& call, const std::string& id,
                                                                  const std::optional<KeyedRequest>& key,
                                                                  bool expired) {
  const Services& services = call.services;
  const artifacts::Tenant& tenant = call.caller.tenant;
  if (is_done(services, tenant, key)) {
    auto done = find_key(services.volume, tenant, key->name);
    if (done) {
      call.audit.add({.action = {}, .id = done->record.id, .repeated = true});
      return std::optional(reply_of_key(std::move(done->record.answer), true));
    }
  }
  if (was_upload_used(services.volume, tenant, id)) return Unexpected<Refusal>(used());
  return Unexpected<Refusal>(expired ? expired_upload() : Refusal{.problem = Problem::kNoUpload});
}

}  // namespace

http::Task<Result<std::optional<http::Reply>, Refusal>> stage_upload(Call& call, Submission& submission,
                                                                     const std::optional<KeyedRequest>& key) {
  const Services& services = call.services;
  const artifacts::Tenant& tenant = call.caller.tenant;
  if (auto refused = take_upload_header(call, submission)) co_return Unexpected<Refusal>(std::move(*refused));
  const std::string& id = submission.upload_id;
  if (id.empty()) co_return std::optional<http::Reply>();
  bool expired = false;
  const auto absent = [&] { return answer_without_upload(call, id, key, expired); };
  std::optional<base::TimePoint> changed;
  const auto find = [&] {
    auto found = open_upload(services.volume, tenant, id);
    if (found) changed = found->changed();
    expired = found && has_expired(services, *found);
    if (expired) found.reset();
    return found;
  };
  auto found = co_await http::run_on(services.volume_workers, find);
  if (!found) co_return co_await http::run_on(services.volume_workers, absent);
  submission.upload = std::make_shared<UploadUse>(services, tenant, std::move(*found), changed, call.caller.ids);
  const Upload& upload = submission.upload->upload();
  const auto state = co_await settled_state(call, upload);
  if (!state) co_return co_await http::run_on(services.volume_workers, absent);
  if (state->offset < upload.record().bytes) co_return Unexpected<Refusal>(unfinished(upload, state->offset));
  const std::string owner = owner_of(key);
  const auto check = [&] { return is_held_by_another(services, upload, *state, owner); };
  const bool held = co_await http::run_on(services.volume_workers, check);
  if (held) co_return Unexpected<Refusal>(in_use());
  // Nothing: it was used and removed meanwhile.
  const auto work = [&]() -> std::optional<Result<void, ArchiveError>> {
    try {
      return unpack(services, call.caller, upload, *state, submission);
    } catch (const std::exception&) {
      if (upload.state()) throw;
      return std::nullopt;
    }
  };
  const auto unpacked = co_await http::run_on(services.bulk_workers, work);
  if (!unpacked) co_return co_await http::run_on(services.volume_workers, absent);
  if (!*unpacked) co_return Unexpected<Refusal>(refusal_of(unpacked->error()));
  base::failpoint("api-server.upload-staged");
  // The upload goes when its files stay.
  const std::uint64_t bytes = bytes_of(submission);
  const std::uint64_t more = bytes - std::min(bytes, bytes_given_back(submission));
  if (more > 0 && !(key && key->published)) {
    if (auto full = check_space(space_of(services, tenant), more)) co_return Unexpected<Refusal>(std::move(*full));
  }
  co_return std::optional<http::Reply>();
}

void free_if_abandoned(const Services& services, const Upload& upload, std::chrono::minutes holds) {
  const auto state = upload.state();
  if (!state || state->kind != Kind::kUsing || may_live(services, upload, holds)) return;
  upload.step(*state, {.offset = state->offset, .data = state->data});
}

std::uint64_t bytes_given_back(const Submission& submission) {
  return submission.upload == nullptr ? 0 : submission.upload->upload().record().bytes;
}

Result<void, Refusal> claim_upload(const Services& services, const artifacts::Tenant& tenant,
                                   const Submission& submission, const std::optional<KeyedRequest>& key) {
  if (submission.upload == nullptr) return {};
  return unless_done(services, tenant, key, submission.upload->claim(key));
}

Result<void, Refusal> confirm_upload(const Services& services, const artifacts::Tenant& tenant,
                                     const Submission& submission, const std::optional<KeyedRequest>& key) {
  if (submission.upload == nullptr) return {};
  return unless_done(services, tenant, key, submission.upload->confirm());
}

void keep_upload(const Submission& submission, const std::optional<KeyedRequest>& key) {
  if (key && submission.upload != nullptr) submission.upload->keep();
}

http::Task<void> spend_left_upload(const Call& call, const KeyedRequest& key) {
  const Services& services = call.services;
  const artifacts::Tenant& tenant = call.caller.tenant;
  const std::string owner = owner_of(key) + "-";
  const auto spend = [&] {
    for (const std::string& id : list_uploads(services.volume, tenant)) {
      auto upload = open_upload(services.volume, tenant, id);
      const auto state = upload ? upload->state() : std::nullopt;
      if (!state || state->kind != Kind::kUsing || !state->by.starts_with(owner)) continue;
      UploadUse(services, tenant, std::move(*upload), {}, call.caller.ids).spend();
    }
  };
  try {
    co_await http::run_on(services.volume_workers, spend);
  } catch (const std::exception& problem) {
    base::log_warning(
        "it is not known whether a request that was killed has left its upload; it is removed when it expires",
        {call.caller.ids, {"error", problem.what()}});
  }
}

http::Task<void> spend_upload(const Services& services, const Submission& submission) {
  if (submission.upload == nullptr) co_return;
  base::failpoint("api-server.upload-unspent");
  const auto spend = [&] { submission.upload->spend(); };
  co_await http::run_always_on(services.volume_workers, spend);
}

}  // namespace vbrain::api
