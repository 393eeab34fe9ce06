// Pages of the lists of jobs and repositories, over a real socket and a real folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api-server/lists/id_list.hpp"
#include "api-server/pages/page_request.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;
using ::testing::ElementsAreArray;
using testing::Headers;
using testing::HttpReply;
using testing::World;

TEST(PageRequest, IsOneOfAllParametersButTheDates) {
  for (const char* query : {"", "from_date=202001010000", "from_date=1&to_date=2", "_=1", "jobs=false"}) {
    EXPECT_FALSE(asks_for_page(query)) << query;
  }
  for (const char* query :
       {"page_size=1", "page_token=", "from_date=1&status", "order=x", "view=full", "created_by=ana", "name=x"}) {
    EXPECT_TRUE(asks_for_page(query)) << query;
  }
}

TEST(PageRequest, NamesTheFirstWrongValue) {
  const struct {
    const char* query;
    const char* subject;
  } cases[] = {{"page_size=0", "page_size"},
               {"page_size=1001", "page_size"},
               {"page_size=-1", "page_size"},
               {"page_size=", "page_size"},
               {"page_size=1x", "page_size"},
               {"page_size=99999999999999999999", "page_size"},
               {"page_size=1&page_size=2", "page_size"},
               {"page_token=../x", "page_token"},
               {"page_token=%2e%2e", "page_token"},
               {"page_token=A", "page_token"},
               {"order=up", "order"},
               {"view=", "view"},
               {"status=", "status"},
               {"status=Queued", "status"},
               {"status=queued,", "status"},
               {"created_by=", "created_by"},
               {"name=%zz", "name"},
               {"from_date=1&page_size=1", "from_date"}};
  for (const auto& c : cases) {
    const auto page = read_page_request(c.query, ListOf::kJobs);
    ASSERT_FALSE(page) << c.query;
    EXPECT_EQ(page.error().subject, c.subject) << c.query;
  }
  EXPECT_FALSE(read_page_request("page_token=01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d", ListOf::kRepositories));
  EXPECT_TRUE(read_page_request("page_token=", ListOf::kJobs).value().after.empty()) << "the first page";
  const auto page = read_page_request("status=queued,failed&page_size=7&order=desc&view=full&name=a+b", ListOf::kJobs);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->phases, (std::vector{job::Phase::kQueued, job::Phase::kFailed}));
  EXPECT_EQ(page->size, 7U);
  EXPECT_TRUE(page->descending && page->full);
  EXPECT_EQ(page->name, "a b");
}

TEST(PageRequest, TheLinkKeepsTheQueryAndIsWellFormed) {
  EXPECT_EQ(link_to_next("page_size=2", "b"), "<?page_size=2&page_token=b>; rel=\"next\"");
  EXPECT_EQ(link_to_next("page_token=a&name=x%3Ey&order", "b"), "<?name=x%3Ey&order&page_token=b>; rel=\"next\"");
  EXPECT_EQ(link_to_next("name=>\"+a&&", "b"), "<?name=%3E%22%20a&page_token=b>; rel=\"next\"");
}

TEST(PageRequest, NamesAreComparedWithoutCase) {
  for (const char* part : {"", "sweep", "EP 2", "Sweep 20"}) EXPECT_TRUE(name_contains("Sweep 20", part)) << part;
  for (const char* part : {"x", "sweep 200", " s"}) EXPECT_FALSE(name_contains("Sweep 20", part)) << part;
}

TEST(IdListOrder, CountsWhatIsLess) {
  std::vector<std::string> ids;
  for (int i = 1000; i < 1000 + 3 * static_cast<int>(IdList::kIdsInChunk); ++i) ids.push_back(std::to_string(2 * i));
  const auto list = IdList().changed({}, ids, [](std::size_t) { return nullptr; });
  EXPECT_EQ(IdList().count_before("a"), 0U);
  EXPECT_EQ(list->count_before(""), 0U);
  EXPECT_EQ(list->count_before("z"), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_EQ(list->count_before(ids[i]), i);
    ASSERT_EQ(list->count_until(ids[i]), i + 1);
    ASSERT_EQ(list->count_until(ids[i] + "0"), i + 1) << "it is not there";
    ASSERT_EQ(list->place_of(ids[i]), i);
    ASSERT_EQ(list->place_of(ids[i] + "0"), ids.size());
  }
}

class Pages : public ::testing::Test {
 protected:
  std::string make_repository(const std::string& name = "") {
    const json body = name.empty() ? json::object() : json{{"metadata", {{"name", name}}}};
    world_.clock.advance(std::chrono::seconds(1));
    return world_.post_json("/api/v1/repository", body.dump()).json()["repository_id"];
  }
  std::string make_job(const std::string& repository, const std::string& name = "", const std::string& user = "ana") {
    const json body = name.empty() ? json::object() : json{{"metadata", {{"name", name}}}};
    Headers headers = World::identity(user);
    headers.emplace_back("repository_id", repository);
    headers.emplace_back("Content-Type", "application/json");
    world_.clock.advance(std::chrono::seconds(1));
    return world_.call("POST", "/api/v1/job/execute", headers, body.dump()).json()["job_id"];
  }
  static Headers of(const std::string& repository) {
    return repository.empty() ? Headers{} : Headers{{"repository_id", repository}};
  }
  // All entries, page by page, by the Link.
  json walk(const std::string& path, const std::string& query, const Headers& headers, int& pages) {
    json all = json::array();
    std::string next = "?" + query;
    for (pages = 0; !next.empty(); ++pages) {
      const HttpReply page = world_.get(path + next, headers);
      EXPECT_EQ(page.status, 200) << page.body;
      if (page.status != 200 || pages > 50) break;
      for (const json& one : page.json()) all.push_back(one);
      const std::string link = page.header("Link");
      next.clear();
      if (link.empty()) continue;
      EXPECT_EQ(link.front(), '<');
      EXPECT_TRUE(link.ends_with(">; rel=\"next\"")) << link;
      next = link.substr(1, link.find('>') - 1);
    }
    return all;
  }
  json walk_jobs(const std::string& query, const std::string& repository = "") {
    int pages = 0;
    return walk("/api/v1/job", query, of(repository), pages);
  }

  World world_;
};

TEST_F(Pages, LeadThroughAllIdsInBothOrders) {
  const std::string first = make_repository(), second = make_repository();
  std::vector<std::string> jobs;
  for (int i = 0; i < 5; ++i) jobs.push_back(make_job(first));
  const std::string other = make_job(second);
  int pages = 0;
  EXPECT_EQ(walk("/api/v1/job", "page_size=2", of(first), pages), json(jobs));
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(walk("/api/v1/job", "page_size=5", of(first), pages), json(jobs));
  EXPECT_EQ(pages, 1) << "the last page has no Link";
  EXPECT_EQ(walk_jobs("page_size=2&order=desc", first), json(std::vector(jobs.rbegin(), jobs.rend())));
  std::vector<std::string> all = jobs;
  all.push_back(other);
  EXPECT_EQ(walk_jobs("page_size=2"), json(all)) << "of all repositories";
  EXPECT_EQ(walk_jobs("page_size=4&order=desc"), json(std::vector(all.rbegin(), all.rend())));
  EXPECT_EQ(walk("/api/v1/repository", "page_size=1", {}, pages), json({first, second}));
  EXPECT_EQ(walk("/api/v1/repository", "page_size=1&order=desc", {}, pages), json({second, first}));
}

TEST_F(Pages, NothingIsMissedOrToldTwiceWhileJobsComeAndGo) {
  const std::string repository = make_repository();
  std::vector<std::string> jobs;
  for (int i = 0; i < 4; ++i) jobs.push_back(make_job(repository));
  const HttpReply first = world_.get("/api/v1/job?page_size=2", of(repository));
  EXPECT_EQ(first.json(), json({jobs[0], jobs[1]}));
  world_.catch_up();
  ASSERT_EQ(world_.remove("/api/v1/job/" + jobs[1]).status, 200) << "the one that the token names";
  jobs.push_back(make_job(repository));
  const std::string link = first.header("Link");
  const std::string rest = link.substr(1, link.find('>') - 1) + "&view=ids";
  EXPECT_EQ(world_.get("/api/v1/job" + rest, of(repository)).json(), json({jobs[2], jobs[3]}));
  EXPECT_EQ(walk_jobs(rest.substr(1), repository), json({jobs[2], jobs[3], jobs[4]}));
}

TEST_F(Pages, FilterByStateUserAndName) {
  const std::string repository = make_repository();
  const std::string mine = make_job(repository, "Sweep 1"), hers = make_job(repository, "sweep 2", "dora"),
                    unnamed = make_job(repository);
  std::vector<std::string> ended;  // in order: ids of one millisecond have no order of their own
  for (const job::Phase phase : {job::Phase::kFinished, job::Phase::kFailed, job::Phase::kFinished}) {
    ended.push_back(world_.make_job(phase));
    world_.clock.advance(std::chrono::seconds(1));
  }
  const std::string done = ended[0], failed = ended[1], gone = ended[2];
  world_.catch_up();
  world_.archive(gone);
  const struct {
    const char* query;
    std::vector<std::string> want;
  } cases[] = {{"status=queued", {mine, hers, unnamed}},
               {"status=finished", {done, gone}},
               {"status=failed,finished", {done, failed, gone}},
               {"status=started", {}},
               {"created_by=dora", {hers}},
               {"created_by=nobody", {}},
               {"name=SWEEP", {mine, hers}},
               {"name=sweep+2", {hers}},
               {"name=sweep&created_by=ana&status=queued", {mine}}};
  for (const auto& c : cases) {
    EXPECT_EQ(walk_jobs(c.query), json(c.want)) << c.query;
    EXPECT_EQ(walk_jobs(std::string("page_size=1&") + c.query), json(c.want)) << c.query;
  }
  int pages = 0;
  const std::string named = make_repository("Sweep of May");
  EXPECT_EQ(walk("/api/v1/repository", "name=sweep", {}, pages), json::array({named}));
  EXPECT_EQ(world_.get("/api/v1/repository?status=queued").json()["error"], "Invalid status") << "they have none";
}

TEST_F(Pages, FullViewsAreTheObjects) {
  const std::string repository = make_repository("R");
  const std::string job = make_job(repository, "J");
  const json object = world_.get("/api/v1/job/" + job + "?jobs=false").json();
  EXPECT_EQ(walk_jobs("view=full"), json::array({object}));
  EXPECT_EQ(walk_jobs("view=full", repository), json::array({object}));
  int pages = 0;
  EXPECT_EQ(walk("/api/v1/repository", "view=full", {}, pages),
            json::array({world_.get("/api/v1/repository/" + repository + "?jobs=false").json()}));
}

TEST_F(Pages, ShowNothingOfOtherTenants) {
  const std::string repository = make_repository();
  make_job(repository);
  const auto ask = [&](const std::string& path, Headers headers) { return world_.call("GET", path, headers); };
  EXPECT_EQ(ask("/api/v1/job?page_size=10", World::identity("eve")).body, "[]");
  EXPECT_EQ(ask("/api/v1/repository?view=full", World::identity("eve")).body, "[]");
  Headers with_repository = World::identity("eve");
  with_repository.emplace_back("repository_id", repository);
  const HttpReply foreign = ask("/api/v1/job?page_size=10", with_repository);
  EXPECT_EQ(foreign.status, 404);
  EXPECT_EQ(foreign.json()["error"], "Invalid repository_id");
  EXPECT_EQ(ask("/api/v1/job?page_size=10", World::identity("stan")).status, 403);
}

TEST_F(Pages, AreNotWhatOldClientsGet) {
  EXPECT_EQ(world_.get("/api/v1/job").json()["error"], "Missing repository_id");
  EXPECT_EQ(world_.get("/api/v1/job?from_date=202001010000").json()["error"], "Missing repository_id");
  const std::string repository = make_repository();
  for (int i = 0; i < 3; ++i) make_job(repository);
  const HttpReply whole = world_.get("/api/v1/job", of(repository));
  EXPECT_EQ(whole.json().size(), 3U);
  EXPECT_EQ(whole.header("Link"), "");
}

TEST_F(Pages, OnePageMoreIsAnotherEntity) {
  const std::string repository = make_repository();
  make_job(repository);
  const HttpReply alone = world_.get("/api/v1/job?page_size=1", of(repository));
  make_job(repository);
  Headers known = of(repository);
  known.emplace_back("If-None-Match", alone.header("ETag"));
  const HttpReply again = world_.get("/api/v1/job?page_size=1", known);
  EXPECT_EQ(again.status, 200) << "the ids are the same, the Link is new";
  EXPECT_NE(again.header("Link"), "");
}

// A list without room in memory is read from its folder.
TEST(PagesWithoutMemory, LeadThroughAllIds) {
  World world;
  const std::string repository = world.post_json("/api/v1/repository", "{}").json()["repository_id"];
  std::vector<std::string> jobs;
  for (int i = 0; i < 3; ++i) {
    jobs.push_back(world.post_json("/api/v1/job/execute", "{}", {{"repository_id", repository}}).json()["job_id"]);
    world.clock.advance(std::chrono::seconds(1));
  }
  // In its place: the server keeps a reference.
  std::destroy_at(world.view.get());
  std::construct_at(world.view.get(), *world.volume, world.jobs, world.clock, *world.json_budget, 8U << 20, 1U);
  for (const Headers& headers : {Headers{}, Headers{{"repository_id", repository}}}) {
    const HttpReply first = world.get("/api/v1/job?page_size=2", headers);
    EXPECT_EQ(first.json(), json({jobs[0], jobs[1]})) << first.body;
    const std::string link = first.header("Link");
    EXPECT_EQ(world.get("/api/v1/job" + link.substr(1, link.find('>') - 1), headers).json(), json::array({jobs[2]}));
    EXPECT_EQ(world.get("/api/v1/job?page_size=2&order=desc", headers).json(), json({jobs[2], jobs[1]}));
  }
}

}  // namespace
}  // namespace vbrain::api
