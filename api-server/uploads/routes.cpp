#include "api-server/jobs/deletion.hpp"
#include "api-server/jobs/job_service.hpp"
#include "api-server/jobs/space.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/uploads/receive.hpp"
#include "api-server/uploads/tus.hpp"
#include "api-server/uploads/upload_use.hpp"
#include "artifacts/store/store.hpp"
#include "artifacts/uploads/upload_store.hpp"
#include "base/json/json.hpp"
#include "job/names.hpp"

namespace vbrain::api {
namespace {

using artifacts::Upload;

constexpr std::chrono::minutes kTryLater{1};
constexpr std::uint64_t kRecordBytes = 64U << 10;

http::Reply empty_reply(int status) {
  http::Reply reply;
  reply.status = status;
  return reply;
}

// `changed`: nothing if the upload was removed in this moment.
void add_expiry(http::Reply& reply, const Upload& upload, std::optional<base::TimePoint> changed) {
  if (!changed) return;
  reply.headers.emplace_back("Upload-Expires", base::format_imf_fixdate(*changed + upload.record().expiry));
}

bool has_offset_stream(const http::RequestHead& head) {
  const auto type = head.find("content-type");
  return type && http::equal_ignoring_case(*type, kOffsetStream);
}

Refusal not_offset_stream() {
  return {.problem = Problem::kMediaType,
          .detail = "the bytes of an upload are sent as " + std::string(kOffsetStream) + "; name it in Content-Type"};
}

Refusal too_many(const Limits& limits) {
  if (limits.max_uploads == 0) {
    // Not 429: clients would repeat the request again and again.
    return {.problem = Problem::kNoSuchRoute,
            .detail =
                "resumable uploads are turned off: the operator's setting --max-uploads (apiServer.maxUploads of the "
                "chart) is 0. Remedy: send the file in the body of the request, or ask the operator for a higher "
                "--max-uploads"};
  }
  return {.problem = Problem::kTooMany,
          .detail = "the client has " + std::to_string(limits.max_uploads) +
                    " uploads that no job or repository was made of yet; the operator's setting is --max-uploads "
                    "(apiServer.maxUploads of the chart). "
                    "Remedy: use some or delete them, or wait until they expire",
          .retry_after = kTryLater,
          .limit = QuotaPolicy{.name = "uploads", .quota = limits.max_uploads}};
}

// One that has expired is gone for all but DELETE, which frees its room at once.
enum class Expired { kIsGone, kCounts };

// The upload of the path.
http::Task<Result<Upload, Refusal>> find_upload(Call& call, Expired expired) {
  if (auto refused = check_tus_version(call.exchange.head.fields)) co_return Unexpected<Refusal>(std::move(*refused));
  const auto find = [&]() -> Result<Upload, Refusal> {
    auto found = open_known_upload(call.services, call.caller.tenant, call.id);
    if (found && expired == Expired::kIsGone && has_expired(call.services, *found)) {
      return Unexpected<Refusal>(expired_upload());
    }
    return found;
  };
  auto found = co_await http::run_on(call.services.volume_workers, find);
  if (!found && found.error().problem == Problem::kUploadUsed) found.error().problem = Problem::kNoUpload;
  co_return found;
}

// Takes the upload away, and its bytes from the tenant's space. Blocks on the volume.
artifacts::EndedUpload remove_upload(const Services& services, const artifacts::Tenant& tenant, const Upload& upload) {
  const auto changed = upload.changed();
  auto ended = end_upload(services.volume, tenant, upload);
  if (!ended.trashed) return ended;
  note_upload_gone(services, tenant, upload.id(), ended.bytes, changed);
  purge_later(services, tenant, {*ended.trashed});
  return ended;
}

std::string render_created(const std::string& id) {
  return R"({"message":"Upload created","upload_id":)" + base::quote_json(id) + "}";
}

// Appends the body, and answers with the new offset in `reply`.
http::Task<Answer> append(Call& call, const Upload& upload, std::uint64_t offset, http::Reply reply) {
  const auto checksum = read_checksum(call.exchange.head.fields);
  if (!checksum) co_return Unexpected<Refusal>(checksum.error());
  const auto received = co_await receive(call, upload, offset, *checksum);
  if (!received) co_return Unexpected<Refusal>(received.error());
  reply.headers.emplace_back("Upload-Offset", std::to_string(*received));
  const auto look = [&] { return upload.changed(); };
  const auto changed = co_await http::run_on(call.services.volume_workers, look);
  add_expiry(reply, upload, changed);
  co_return reply;
}

}  // namespace

http::Task<Answer> get_upload_options(Call& call) {
  http::Reply reply = empty_reply(204);
  const bool may_begin = call.services.limits.max_uploads > 0;
  reply.headers = {{"Tus-Version", std::string(kTusVersion)},
                   {"Tus-Extension", std::string(may_begin ? kTusExtensions : kTusExtensionsWithoutCreation)},
                   {"Tus-Checksum-Algorithm", std::string(kTusChecksums)},
                   {"Tus-Max-Size", std::to_string(call.services.limits.max_upload_bytes)}};
  co_return reply;
}

http::Task<Answer> post_upload(Call& call) {
  const Services& services = call.services;
  const artifacts::Tenant& tenant = call.caller.tenant;
  const http::RequestHead& head = call.exchange.head;
  if (auto refused = check_tus_version(head.fields)) co_return Unexpected<Refusal>(std::move(*refused));
  if (head.has_body() && !has_offset_stream(head)) co_return Unexpected<Refusal>(not_offset_stream());
  if (auto closed = refuse_closed_application(services, tenant)) co_return Unexpected<Refusal>(std::move(*closed));
  if (services.limits.max_uploads == 0) co_return Unexpected<Refusal>(too_many(services.limits));
  auto wanted = read_new_upload(services.limits, head.fields);
  if (!wanted) co_return Unexpected<Refusal>(std::move(wanted.error()));
  if (const auto checksum = read_checksum(head.fields); !checksum) co_return Unexpected<Refusal>(checksum.error());
  if (head.content_length.value_or(0) > wanted->bytes) co_return Unexpected<Refusal>(too_many_bytes(wanted->bytes));
  // With room for the job or repository that is made of it.
  if (auto full = check_space(space_of(services, tenant), wanted->bytes + kRecordBytes)) {
    co_return Unexpected<Refusal>(std::move(*full));
  }
  const artifacts::UploadRecord record{
      .bytes = wanted->bytes,
      .name = std::move(wanted->name),
      .metadata = std::move(wanted->metadata),
      .created_by = call.caller.username,
      .created_on = services.clock.now(),
      .expiry = std::chrono::ceil<std::chrono::seconds>(services.limits.upload_expiry)};
  const std::string id = job::new_job_id(record.created_on);
  const auto create = [&] {
    if (count_uploads(services.volume, tenant) >= services.limits.max_uploads) return std::optional<Upload>();
    create_upload(services.volume, tenant, id, record);
    auto created = open_upload(services.volume, tenant, id);
    // Others may have counted at the same time. Each looks again after its own, so that the last one goes.
    if (!created || count_uploads(services.volume, tenant) <= services.limits.max_uploads) return created;
    remove_upload(services, tenant, *created);
    return std::optional<Upload>();
  };
  const auto upload = co_await http::run_on(services.volume_workers, create);
  if (!upload) co_return Unexpected<Refusal>(too_many(services.limits));
  call.audit.add({.action = {}, .id = id, .bytes = record.bytes});
  http::Reply reply = json_reply(201, render_created(id));
  // Relative to the URL of the request, so it holds behind a proxy that adds a path. The dot is for clients that look
  // for "/uploads/" in it.
  reply.headers.emplace_back("Location", "./uploads/" + id);
  std::exception_ptr failure;
  Answer answer = refuse(Problem::kNoUpload);
  try {
    answer = co_await append(call, *upload, 0, std::move(reply));
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  if (answer && failure == nullptr) co_return answer;
  // Its client does not learn the id, so nobody would go on with it.
  const auto undo = [&] { remove_upload(services, tenant, *upload); };
  co_await http::run_always_on(services.volume_workers, undo);
  call.audit.add({.action = "upload.delete", .id = id});
  if (failure != nullptr) std::rethrow_exception(failure);
  co_return answer;
}

http::Task<Answer> head_upload(Call& call) {
  const auto upload = co_await find_upload(call, Expired::kIsGone);
  if (!upload) co_return Unexpected<Refusal>(upload.error());
  const auto state = co_await settled_state(call, *upload);
  if (!state) co_return refuse(Problem::kNoUpload);
  http::Reply reply = empty_reply(200);
  reply.headers = {{"Upload-Offset", std::to_string(state->offset)},
                   {"Upload-Length", std::to_string(upload->record().bytes)}};
  if (!upload->record().metadata.empty()) reply.headers.emplace_back("Upload-Metadata", upload->record().metadata);
  const auto look = [&] {
    // Another server may have changed the name just now and not synced it yet.
    upload->sync();
    return upload->changed();
  };
  const auto changed = co_await http::run_on(call.services.volume_workers, look);
  add_expiry(reply, *upload, changed);
  co_return reply;
}

http::Task<Answer> patch_upload(Call& call) {
  const http::RequestHead& head = call.exchange.head;
  call.audit.nothing_changed();  // but for the last byte, which receive() notes
  const auto upload = co_await find_upload(call, Expired::kIsGone);
  if (!upload) co_return Unexpected<Refusal>(upload.error());
  if (!has_offset_stream(head)) co_return Unexpected<Refusal>(not_offset_stream());
  const auto offset = read_number(head.fields, "Upload-Offset");
  if (!offset) co_return Unexpected<Refusal>(offset.error());
  if (auto full = check_space(space_of(call.services, call.caller.tenant), head.content_length.value_or(0))) {
    co_return Unexpected<Refusal>(std::move(*full));
  }
  http::Reply reply = empty_reply(204);
  co_return co_await append(call, *upload, *offset, std::move(reply));
}

http::Task<Answer> delete_upload(Call& call) {
  const Services& services = call.services;
  const auto upload = co_await find_upload(call, Expired::kCounts);
  if (!upload) co_return Unexpected<Refusal>(upload.error());
  const auto end = [&] {
    free_if_abandoned(services, *upload);
    return remove_upload(services, call.caller.tenant, *upload);
  };
  const auto ended = co_await http::run_on(services.volume_workers, end);
  if (ended.in_use) {
    co_return refuse(Problem::kUploadUsed, {},
                     "a job or repository is being made of it. Remedy: repeat the request if that fails");
  }
  if (!ended.trashed) co_return refuse(Problem::kNoUpload);
  co_return empty_reply(204);
}

}  // namespace vbrain::api
