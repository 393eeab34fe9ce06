#include "api-server/api_keys/key_service.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/routes/preconditions.hpp"
#include "api-server/transfer/part_head.hpp"

namespace vbrain::api {
namespace {

constexpr std::chrono::seconds kLookAgain{30};

// Why keys can't be managed now; nothing if they can.
std::optional<Refusal> refuse_without_keys(const Services& services) {
  const std::string_view why = why_no_issued_keys(services.issued_keys_state());
  if (why.empty()) return std::nullopt;
  return Refusal{.problem = Problem::kUnavailable,
                 .detail = "keys can't be managed: " + std::string(why),
                 .retry_after = kLookAgain};
}

std::optional<Refusal> refuse_head(const http::RequestHead& head) {
  const auto type = parse_parameterized(head.find("content-type").value_or(""));
  if (!type || type->value != "application/json") {
    return Refusal{.problem = Problem::kMediaType,
                   .detail = R"(the body is not application/json; send {"username": "…"} and name it in Content-Type)"};
  }
  if (!head.find("idempotency-key")) return std::nullopt;
  return Refusal{.problem = Problem::kInvalid,
                 .subject = "Idempotency-Key",
                 .detail =
                     "the answer has a secret, which is stored nowhere, so it can't be given again. Remedy: send the "
                     "request without it; if an answer was lost, look at GET /api/v1/keys, delete the key, and make "
                     "another"};
}

}  // namespace

http::Task<Answer> get_keys(Call& call) {
  const Services& services = call.services;
  if (auto refused = refuse_without_keys(services)) co_return Unexpected<Refusal>(std::move(*refused));
  const auto list = [&] { return list_keys(services, call.caller.tenant); };
  std::string text = co_await http::run_on(services.list_workers, list);
  co_return json_reply(200, std::move(text));
}

http::Task<Answer> post_key(Call& call) {
  const Services& services = call.services;
  if (auto refused = refuse_head(call.exchange.head)) co_return Unexpected<Refusal>(std::move(*refused));
  if (auto refused = refuse_without_keys(services)) co_return Unexpected<Refusal>(std::move(*refused));
  call.exchange.body.set_limit(kMostKeyBody);
  std::string body;
  bool too_large = false;
  try {
    for (;;) {
      const std::string_view piece = co_await call.exchange.body.read();
      if (piece.empty()) break;
      body += piece;
    }
  } catch (const http::BodyError& problem) {
    if (problem.kind() != http::BodyError::Kind::kTooLarge) throw;
    too_large = true;
  }
  if (too_large) co_return refuse(Problem::kTooLarge, {}, "the body of a key has at most 16384 bytes; send less");
  const auto wish = read_key_wish(body, services.clock.now());
  if (!wish) co_return Unexpected<Refusal>(wish.error());
  std::vector<std::string> expired;
  const auto make = [&] { return make_issued_key(services, call.caller, *wish, expired); };
  const auto made = co_await http::run_on(services.workers, make);
  for (const std::string& id : expired) call.audit.add({.action = "key.delete", .id = id, .owner = wish->username});
  if (!made) co_return Unexpected<Refusal>(made.error());
  call.audit.add({.action = {}, .id = made->key.meta.name, .owner = made->key.username});
  co_return json_reply(201, render_new_key(made->key, made->text));
}

http::Task<Answer> delete_key(Call& call) {
  const Services& services = call.services;
  if (auto refused = refuse_without_keys(services)) co_return Unexpected<Refusal>(std::move(*refused));
  const auto refused = refuse_without_version(call.exchange.head);
  const auto remove = [&] { return delete_issued_key(services, call.caller, call.id, refused); };
  const auto removed = co_await http::run_on(services.workers, remove);
  if (!removed) co_return Unexpected<Refusal>(removed.error());
  co_return json_reply(200, R"({"message":"Key deleted"})");
}

}  // namespace vbrain::api
