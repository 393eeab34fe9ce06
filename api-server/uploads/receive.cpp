#include "api-server/uploads/receive.hpp"

#include <prometheus/counter.h>

#include <chrono>
#include <exception>
#include <memory>
#include <utility>

#include "api-server/jobs/space.hpp"
#include "api-server/transfer/write_behind.hpp"
#include "api-server/uploads/body_checksum.hpp"
#include "api-server/uploads/upload_metrics.hpp"
#include "base/log/log.hpp"

namespace vbrain::api {
namespace {

using artifacts::Upload;
using artifacts::UploadState;
using artifacts::UploadWriter;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Then = UploadWriter::Then;

// What came is made durable after so many bytes, and after this time.
constexpr std::uint64_t kCommitBytes = 32U << 20;
constexpr milliseconds kCommitTime{2'000};
// How long a request waits for one that seems to write, and between two looks.
constexpr milliseconds kPatience{2'000};
constexpr milliseconds kLook{50};
// Between the look at a state and the step from it another request may have made one.
constexpr int kTurns = 5;

Refusal no_upload() {
  return {.problem = Problem::kNoUpload, .detail = "it was removed, or has expired. Remedy: begin a new upload"};
}

Refusal other_offset(std::uint64_t offset) {
  return {.problem = Problem::kUploadOffset,
          .detail = "the upload has " + std::to_string(offset) +
                    " bytes. Remedy: ask for its Upload-Offset with HEAD, and send from there"};
}

// Of a chunked body that turns out to be too long.
Refusal too_many_chunks(std::uint64_t left) {
  Refusal refusal = too_many_bytes(left);
  refusal.detail += ". Bytes of this request may be kept. Remedy: ask for the Upload-Offset with HEAD";
  return refusal;
}

Refusal overtaken() {
  return {.problem = Problem::kUploadOffset,
          .detail =
              "another request goes on with this upload. Remedy: ask for its Upload-Offset with HEAD, and send "
              "from there"};
}

// A request on its way.
struct Receiving {
  Call& call;
  std::shared_ptr<UploadWriter> writer;
  std::string_view upload_id{};
  std::shared_ptr<BodyChecksum> checksum{};  // null: none
  std::exception_ptr cut{};                  // why the body ended early
  std::optional<Refusal> full{};             // there is no room for more, or more came than the upload lacks
  std::uint64_t bytes = 0;                   // of the whole upload
  std::uint64_t from = 0;                    // offset of the first byte of the body
  std::uint64_t noted = 0;                   // offset up to which the bytes are in the ledger of the tenant's space
  bool lost = false;                         // another request has taken over
};

// Adds what has become durable to the ledger.
void note_durable(Receiving& receiving) {
  const std::uint64_t now = receiving.writer->durable();
  if (now == receiving.noted) return;
  note_published(receiving.call.services, receiving.call.caller.tenant, now - receiving.noted, receiving.upload_id);
  receiving.noted = now;
}

// Why the tenant's space takes no more of the body. Others may have used the room meanwhile, and a chunked body does
// not say its length before.
std::optional<Refusal> refuse_more(const Receiving& receiving) {
  const std::uint64_t written = receiving.writer->written();
  if (written == receiving.bytes) return std::nullopt;
  const Call& call = receiving.call;
  return check_space(space_of(call.services, call.caller.tenant), written - receiving.noted + 1);
}

// Reads the body to its end and writes it. Writing may go on behind it after an exception.
http::Task<void> read_all(Receiving& receiving, WriteBehind& writing) {
  const base::Lane pool = receiving.call.services.volume_workers;
  std::uint64_t since = 0;
  auto committed = steady_clock::now();
  for (;;) {
    std::string_view piece;
    try {
      piece = co_await receiving.call.exchange.body.read();
    } catch (const http::BodyError& problem) {
      if (problem.kind() == http::BodyError::Kind::kTooLarge) {
        receiving.full = too_many_chunks(receiving.bytes - receiving.from);
      } else {
        receiving.cut = std::current_exception();
      }
    } catch (const std::exception&) {
      receiving.cut = std::current_exception();
    }
    if (piece.empty()) break;
    co_await writing.add(piece);
    since += piece.size();
    const bool due = since >= kCommitBytes || steady_clock::now() - committed >= kCommitTime;
    if (!due) continue;
    co_await writing.flush();
    // Bytes with a checksum count only when it is known to fit.
    if (receiving.checksum == nullptr) {
      const auto commit = [&] { return receiving.writer->commit(Then::kGoOn); };
      const bool mine = co_await http::run_on(pool, commit);
      if (!mine) {
        receiving.lost = true;
        co_return;
      }
      note_durable(receiving);
    }
    receiving.full = refuse_more(receiving);
    if (receiving.full) co_return;
    since = 0;
    committed = steady_clock::now();
  }
  co_await writing.flush();
}

// The writer for bytes at `offset`; null: the body is empty and nothing is to be done.
http::Task<Result<std::shared_ptr<UploadWriter>, Refusal>> begin(Call& call, const Upload& upload,
                                                                 std::uint64_t offset) {
  for (int turn = 0; turn < kTurns; ++turn) {
    const auto state = co_await settled_state(call, upload);
    if (!state) co_return Unexpected<Refusal>(no_upload());
    if (state->offset != offset) co_return Unexpected<Refusal>(other_offset(state->offset));
    if (!call.exchange.head.has_body()) co_return std::shared_ptr<UploadWriter>();
    const std::uint64_t left = upload.record().bytes - offset;
    // A chunked body does not say its length.
    if (call.exchange.head.content_length.value_or(0) > left) co_return Unexpected<Refusal>(too_many_bytes(left));
    const auto open = [&] { return upload.begin(*state); };
    auto writer = co_await http::run_on(call.services.volume_workers, open);
    if (writer) co_return std::make_shared<UploadWriter>(std::move(*writer));
  }
  co_return Unexpected<Refusal>(overtaken());
}

// Makes the end of the request known to others. True: what it wrote is part of the upload.
bool finish(Receiving& receiving, bool keep) {
  UploadWriter& writer = *receiving.writer;
  return keep ? writer.commit(Then::kEnd) : writer.drop();
}

}  // namespace

Refusal too_many_bytes(std::uint64_t left) {
  return {.problem = Problem::kTooLarge,
          .detail = "the upload lacks " + std::to_string(left) + " bytes, by its Upload-Length; send no more"};
}

http::Task<std::optional<UploadState>> settled_state(Call& call, const Upload& upload) {
  const auto end = steady_clock::now() + kPatience;
  for (;;) {
    const auto look = [&] { return upload.state(); };
    auto state = co_await http::run_on(call.services.volume_workers, look);
    if (!state || state->kind != UploadState::Kind::kWriting || steady_clock::now() >= end) co_return state;
    const auto woken = co_await call.exchange.waiting.until(steady_clock::now() + kLook);
    if (woken == http::Woken::kStopping) co_return state;
    if (woken == http::Woken::kGone) {
      throw http::BodyError(http::BodyError::Kind::kGone, "the client closed the connection while its request waited");
    }
  }
}

http::Task<Result<std::uint64_t, Refusal>> receive(Call& call, const Upload& upload, std::uint64_t offset,
                                                   const std::optional<Checksum>& checksum) {
  const Services& services = call.services;
  auto begun = co_await begin(call, upload, offset);
  if (!begun) co_return Unexpected<Refusal>(std::move(begun.error()));
  if (*begun == nullptr) co_return offset;
  Receiving receiving{.call = call,
                      .writer = std::move(*begun),
                      .upload_id = upload.id(),
                      .bytes = upload.record().bytes,
                      .from = offset,
                      .noted = offset};
  if (checksum) receiving.checksum = std::make_shared<BodyChecksum>(*checksum);
  call.exchange.body.set_limit(upload.record().bytes - offset);
  WriteBehind writing(services.transfer_workers);
  writing.begin([writer = receiving.writer, digest = receiving.checksum](std::string_view bytes) {
    writer->write(bytes);
    if (digest != nullptr) digest->update(bytes);
  });
  std::exception_ptr failure;
  try {
    co_await read_all(receiving, writing);
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  co_await writing.settle();
  const bool early = receiving.cut != nullptr || failure != nullptr;
  bool fits = true;
  if (receiving.checksum != nullptr) fits = !early && !receiving.full && receiving.checksum->fits();
  if (!receiving.lost) {
    try {
      const auto end = [&] { return finish(receiving, fits); };
      const bool kept = co_await http::run_always_on(services.volume_workers, end);
      receiving.lost = !kept;
    } catch (const std::exception&) {
      if (failure == nullptr) failure = std::current_exception();
    }
  }
  const std::uint64_t now = receiving.writer->durable();
  note_durable(receiving);
  services.upload_metrics.bytes.Increment(static_cast<double>(now - offset));
  if (early) services.upload_metrics.cut.Increment();
  if (early) {
    base::log_info(
        "a request with bytes of an upload ended early",
        {{"upload", upload.id()}, {"from", offset}, {"to", now}, call.caller.ids, {"peer", call.exchange.peer}});
  }
  if (now == upload.record().bytes && now > offset) {
    services.upload_metrics.completed.Increment();
    call.audit.add({.action = "upload.complete", .id = upload.id(), .bytes = now});
  }
  if (failure != nullptr) std::rethrow_exception(failure);
  if (receiving.cut != nullptr) std::rethrow_exception(receiving.cut);
  if (receiving.full) co_return Unexpected<Refusal>(std::move(*receiving.full));
  if (!fits) {
    co_return refuse(
        Problem::kChecksum, {},
        "the bytes of this request are dropped. Remedy: send them again from Upload-Offset " + std::to_string(offset));
  }
  if (receiving.lost) co_return Unexpected<Refusal>(overtaken());
  co_return now;
}

}  // namespace vbrain::api
