#include "api-server/transfer/shared_answer.hpp"

namespace vbrain::api {

SharedAnswer shared_refusal(Refusal refusal) {
  SharedAnswer answer;
  answer.refused = std::move(refusal);
  return answer;
}

SharedAnswer share_json(int status, http::TextPieces text, JsonBudget::Share memory) {
  SharedAnswer answer;
  answer.status = status;
  // A short text is copied for each reader, which costs less in one piece.
  if (text.size() <= JsonBudget::kFree) {
    std::string joined = text.joined();
    text = http::TextPieces();
    text.add(std::move(joined));
  }
  answer.text = std::make_shared<const http::TextPieces>(std::move(text));
  answer.memory = std::make_shared<JsonBudget::Share>(std::move(memory));
  return answer;
}

Answer reply_with(const std::shared_ptr<const SharedAnswer>& shared) {
  if (shared->refused) return Unexpected<Refusal>(*shared->refused);
  http::Reply reply;
  reply.status = shared->status;
  reply.body = shared->text;
  reply.hold = shared->memory;
  if (reply.status == 202) reply.headers.emplace_back("Retry-After", "1");
  return reply;
}

}  // namespace vbrain::api
