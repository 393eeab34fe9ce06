#include "api-server/routes/preconditions.hpp"

#include <algorithm>

#include "api-server/transfer/download.hpp"

namespace vbrain::api {
namespace {

// Without its quotation marks; empty: none.
std::string_view etag_of(const http::Reply& reply) {
  for (const auto& [name, value] : reply.headers) {
    if (name == "ETag" && value.size() > 2) return std::string_view(value).substr(1, value.size() - 2);
  }
  return {};
}

std::optional<Refusal> refuse_other_version(const http::RequestHead& head, const http::Reply& reply) {
  const auto wanted = head.find("if-match");
  if (!wanted || names_etag(*wanted, etag_of(reply), Comparison::kStrong)) return std::nullopt;
  return Refusal{.problem = Problem::kPrecondition, .detail = "If-Match names another version than the present one"};
}

}  // namespace

std::optional<Refusal> check_if_match(const http::RequestHead& head, const http::Reply& reply) {
  const bool reads = head.method == http::Method::kGet || head.method == http::Method::kHead;
  const bool would_be_served = reply.status < 300 || reply.status == 304 || reply.status == 416;
  return reads && would_be_served ? refuse_other_version(head, reply) : std::nullopt;
}

http::Task<std::optional<Refusal>> check_before_deletion(Call& call, const Route& deletion) {
  const http::RequestHead& head = call.exchange.head;
  const auto unwanted = head.find("if-none-match");
  if (!unwanted && !head.find("if-match")) co_return std::nullopt;
  const auto all = routes();
  const auto read = std::ranges::find_if(all, [&](const Route& route) {
    const bool reads = route.pattern.method == http::Method::kGet || route.pattern.method == http::Method::kHead;
    return reads && route.pattern.path == deletion.pattern.path;
  });
  // What nobody can read has no version either. Whether it is there its deletion will find out.
  Answer present = http::Reply();
  if (read != all.end()) present = co_await read->handler(call);
  if (!present) co_return present.error();
  if (unwanted && names_etag(*unwanted, etag_of(*present), Comparison::kWeak)) {
    co_return Refusal{.problem = Problem::kPrecondition, .detail = "If-None-Match names the present version"};
  }
  co_return refuse_other_version(head, *present);
}

}  // namespace vbrain::api
