#include "api-server/routes/router.hpp"

#include <gtest/gtest.h>

#include <array>

#include "api-server/jobs/dates.hpp"

namespace vbrain::api {
namespace {

constexpr std::array<RoutePattern, 8> kRoutes{{{http::Method::kGet, "/api/v1/job"},
                                               {http::Method::kPost, "/api/v1/job/execute"},
                                               {http::Method::kGet, "/api/v1/job/:id"},
                                               {http::Method::kDelete, "/api/v1/job/:id"},
                                               {http::Method::kGet, "/api/v1/job/:id/result"},
                                               {http::Method::kPost, "/api/v1/repository"},
                                               {http::Method::kGet, "/api/v1/job/:id/files"},
                                               {http::Method::kGet, "/api/v1/job/:id/files/*path"}}};

TEST(MatchRoute, FindsRouteAndId) {
  const struct {
    http::Method method;
    std::string_view path;
    std::size_t index;
    std::string_view id;
  } cases[] = {
      {http::Method::kGet, "/api/v1/job", 0, ""},
      {http::Method::kHead, "/api/v1/job", 0, ""},
      {http::Method::kPost, "/api/v1/job/execute", 1, ""},
      {http::Method::kGet, "/api/v1/job/abc", 2, "abc"},
      {http::Method::kDelete, "/api/v1/job/..", 3, ".."},
      {http::Method::kGet, "/api/v1/job/%2e%2e/result", 4, "%2e%2e"},
      {http::Method::kHead, "/api/v1/job/a/result", 4, "a"},
  };
  for (const auto& c : cases) {
    const auto match = match_route(kRoutes, c.method, c.path);
    ASSERT_TRUE(match) << c.path;
    EXPECT_EQ(match->index, c.index) << c.path;
    EXPECT_EQ(match->id, c.id) << c.path;
  }
}

TEST(MatchRoute, TakesTheRestOfAPath) {
  const struct {
    std::string_view path;
    std::size_t index;
    std::string_view rest;
  } cases[] = {
      {"/api/v1/job/a/files", 6, ""},
      {"/api/v1/job/a/files/b", 7, "b"},
      {"/api/v1/job/a/files/b/c.csv", 7, "b/c.csv"},
      {"/api/v1/job/a/files//", 7, "/"},
      {"/api/v1/job/a/files/../../x", 7, "../../x"},
      {"/api/v1/job/a/files/%2e%2e/%2Fx/", 7, "%2e%2e/%2Fx/"},
      {"/api/v1/job/execute/files/x", 7, "x"},
  };
  for (const auto& c : cases) {
    const auto match = match_route(kRoutes, http::Method::kGet, c.path);
    ASSERT_TRUE(match) << c.path;
    EXPECT_EQ(match->index, c.index) << c.path;
    EXPECT_EQ(match->rest, c.rest) << c.path;
    EXPECT_FALSE(match->id.empty()) << c.path;
  }
  for (const std::string_view path : {"/api/v1/job/a/files/", "/api/v1/job//files/b", "/api/v1/job/a/b/files/c",
                                      "/api/v1/job/a/filesx", "/api/v1/job/files/b"}) {
    EXPECT_FALSE(match_route(kRoutes, http::Method::kGet, path)) << path;
  }
  const auto refused = match_route(kRoutes, http::Method::kDelete, "/api/v1/job/a/files/b/c");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().problem, Problem::kWrongMethod);
}

TEST(MatchRoute, Is404ForUnknownPaths) {
  for (const std::string_view path :
       {"/", "", "*", "/api/v1", "/api/v1/", "/api/v1/job/", "/api/v1/job//result", "/job", "/api/v1/job/a/b",
        "/api/v1/job/a/result/", "/api/v1/job/a/../result", "//api/v1/job", "/API/v1/job", "/api/v1/job/a/result/x"}) {
    const auto match = match_route(kRoutes, http::Method::kGet, path);
    ASSERT_FALSE(match) << path;
    EXPECT_EQ(to_reply(match.error()).status, 404) << path;
  }
}

TEST(MatchRoute, Is405WithTheMethodsOfThePath) {
  const struct {
    http::Method method;
    std::string_view path, want_allow;
  } cases[] = {
      {http::Method::kPost, "/api/v1/job", "GET, HEAD"},
      {http::Method::kOther, "/api/v1/job", "GET, HEAD"},
      {http::Method::kOther, "example.com:443", "GET, HEAD, POST, DELETE"},
      {http::Method::kGet, "/api/v1/job/execute", "POST"},
      {http::Method::kDelete, "/api/v1/job/execute", "POST"},
      {http::Method::kPut, "/api/v1/job/abc", "GET, HEAD, DELETE"},
      {http::Method::kGet, "/api/v1/repository", "POST"},
      {http::Method::kOptions, "/api/v1/repository", "POST"},
  };
  for (const auto& c : cases) {
    const auto match = match_route(kRoutes, c.method, c.path);
    ASSERT_FALSE(match) << c.path;
    const http::Reply reply = to_reply(match.error());
    EXPECT_EQ(reply.status, 405);
    EXPECT_EQ(std::get<std::string>(reply.body), R"({"error":"Method not allowed"})");
    ASSERT_EQ(reply.headers.size(), 1u);
    EXPECT_EQ(reply.headers[0], (std::pair<std::string, std::string>("Allow", c.want_allow)));
  }
}

TEST(QueryParameter, DecodesOne) {
  EXPECT_EQ(query_parameter("a=1&from_date=2020%31&b", "from_date").value(), "20201");
  EXPECT_EQ(query_parameter("from_date", "from_date").value(), "");
  EXPECT_EQ(query_parameter("from_date=a+b", "from_date").value(), "a b");
  EXPECT_EQ(query_parameter("", "from_date").value(), std::nullopt);
  EXPECT_EQ(query_parameter("xfrom_date=1&from_dat=2", "from_date").value(), std::nullopt);
  for (const std::string_view bad : {"from_date=1&from_date=1", "from_date=%", "from_date=%4", "from_date=%zz"}) {
    const auto value = query_parameter(bad, "from_date");
    ASSERT_FALSE(value) << bad;
    EXPECT_EQ(message_of(value.error()), "Invalid from_date");
  }
}

TEST(Dates, ReadMinutes) {
  EXPECT_EQ(parse_query_minute("202009231629"), base::parse_rfc3339("2020-09-23T16:29:00Z"));
  EXPECT_EQ(parse_query_minute("202402290000"), base::parse_rfc3339("2024-02-29T00:00:00Z"));
  for (const std::string_view bad : {"", "20200923", "20200923162", "2020092316290", "202013231629", "202302290000",
                                     "202009232460", "202009231660", "2020-9-23 16", "20200923162x", "+20200923162"}) {
    EXPECT_EQ(parse_query_minute(bad), std::nullopt) << bad;
  }
}

TEST(Dates, RangeIncludesBothMinutes) {
  const auto minute = *parse_query_minute("202009231629");
  const DateRange range{minute, minute};
  EXPECT_FALSE(range.contains(minute - std::chrono::milliseconds(1)));
  EXPECT_TRUE(range.contains(minute));
  EXPECT_TRUE(range.contains(minute + std::chrono::milliseconds(59'999)));
  EXPECT_FALSE(range.contains(minute + std::chrono::milliseconds(60'000)));
  EXPECT_TRUE(DateRange{}.contains(minute));
}

TEST(Dates, CreatedOnHasTheContractsForm) {
  EXPECT_EQ(format_created_on(*base::parse_rfc3339("2020-09-23T16:29:39.869Z")), "2020-09-23_16:29:39");
}

TEST(Query, AnUnknownParameterIsRefusedWithTheNearest) {
  constexpr std::array<std::string_view, 2> kKnown{"from_date", "to_date"};
  for (const char* query : {"", "from_date=1", "to_date=&from_date", "&&to_date=x"}) {
    EXPECT_FALSE(check_query(query, kKnown)) << query;
  }
  const struct {
    const char* query;
    const char* want_subject;
    const char* want_nearest;
  } cases[] = {
      {"from_data=1", "from_data", "from_date"}, {"to_date=1&FROM_DATE=2", "FROM_DATE", "from_date"},
      {"todate=1", "todate", "to_date"},         {"from=1", "from", "from_date"},
      {"%3Cb%3E=1", "query", "to_date"},         {"=1", "query", "to_date"},
  };
  for (const auto& c : cases) {
    const auto refused = check_query(c.query, kKnown);
    ASSERT_TRUE(refused) << c.query;
    EXPECT_EQ(refused->subject, c.want_subject);
    EXPECT_EQ(refused->detail, "no such query parameter; the nearest is " + std::string(c.want_nearest));
  }
  EXPECT_TRUE(check_query(std::string(100'000, 'x'), kKnown));
}

}  // namespace
}  // namespace vbrain::api
