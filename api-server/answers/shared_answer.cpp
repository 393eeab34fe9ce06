#include "api-server/answers/shared_answer.hpp"

#include <fcntl.h>

#include <cerrno>

#include "api-server/transfer/download.hpp"
#include "api-server/transfer/spool.hpp"

namespace vbrain::api {
namespace {

// Hexadecimal digits: 128 bits.
constexpr std::size_t kTagLength = 32;

http::FileBody body_of(const SharedAnswer& shared) {
  http::FileBody body;
  // Each answer closes its own descriptor. The file is read by position, so they do not disturb each other.
  body.file = base::Fd(fcntl(shared.file->file.get(), F_DUPFD_CLOEXEC, 0));
  if (!body.file) throw artifacts::VolumeError(errno, "share a list in a file");
  body.length = shared.file->totals.bytes;
  body.before = shared.text;
  body.after = shared.after;
  return body;
}

}  // namespace

void AnswerText::add(std::string part) {
  digest_.update(part);
  end().add(std::move(part));
}

void AnswerText::add(std::shared_ptr<const void> owner, std::string_view part, std::string_view tag) {
  digest_.update(tag);
  end().add(std::move(owner), part);
}

void AnswerText::add_list(std::shared_ptr<const void> owner, const std::vector<std::string_view>& pieces,
                          std::string_view tag) {
  digest_.update(tag);
  end().add(std::move(owner), pieces);
}

void AnswerText::add_file(std::shared_ptr<const Spooled> file) {
  file_ = std::move(file);
}

std::string AnswerText::take_etag() {
  return file_ == nullptr ? digest_.hex().substr(0, kTagLength) : std::string();
}

SharedAnswer shared_refusal(Refusal refusal) {
  SharedAnswer answer;
  answer.refused = std::move(refusal);
  return answer;
}

SharedAnswer share_json(int status, AnswerText parts, TenantBudget::Share memory) {
  SharedAnswer answer;
  answer.missing_list = parts.missing_list();
  if (answer.missing_list) return answer;
  answer.status = status;
  // 304 stands for a 200 (RFC 9110 section 15.4.5), so an answer with another status needs no tag.
  if (status == 200) answer.etag = parts.take_etag();
  if (parts.text().size() <= TenantBudget::kFree) {
    // A short text is copied for each reader, which costs less in one piece.
    http::TextPieces joined;
    joined.add(parts.text().joined());
    answer.text = std::make_shared<const http::TextPieces>(std::move(joined));
  } else {
    answer.text = std::make_shared<const http::TextPieces>(parts.text());
  }
  answer.file = parts.file();
  if (parts.file() != nullptr) answer.after = std::make_shared<const http::TextPieces>(parts.after());
  answer.memory = std::make_shared<TenantBudget::Share>(std::move(memory));
  return answer;
}

Answer reply_with(const http::RequestHead& head, const std::shared_ptr<const SharedAnswer>& shared) {
  if (shared->refused) return Unexpected<Refusal>(*shared->refused);
  http::Reply reply;
  reply.headers.reserve(4);  // with those that all answers get
  reply.status = shared->status;
  if (!shared->link.empty()) reply.headers.emplace_back("Link", shared->link);
  if (answer_known(reply, head, shared->etag)) return reply;
  if (shared->file != nullptr) {
    reply.body = body_of(*shared);
  } else {
    reply.body = shared->text;
  }
  reply.hold = std::const_pointer_cast<SharedAnswer>(shared);
  if (reply.status == 202) reply.headers.emplace_back("Retry-After", std::to_string(shared->retry_after.count()));
  return reply;
}

}  // namespace vbrain::api
