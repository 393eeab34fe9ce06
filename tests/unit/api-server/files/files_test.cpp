// GET …/output/files and …/input/files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdlib>
#include <filesystem>
#include <future>

#include "artifacts/archive/archive_writer.hpp"
#include "base/text/digest.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/api-server/held_pool.hpp"
#include "unit/api-server/world.hpp"
#include "unit/artifacts/zip_builder.hpp"

namespace vbrain::api {
namespace {

using job::Phase;
using nlohmann::json;
using testing::HttpReply;
using testing::World;
using vbrain::testing::build_zip;
using vbrain::testing::ZipEntry;

constexpr const char* kContentPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";

std::string noise(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
  return text;
}

class Files : public ::testing::Test {
 protected:
  // A finished job with this archive as its output; its path.
  std::string job_with(const std::string& archive, const std::string& sha256) {
    const std::string id = world_.make_job(Phase::kFinished);
    world_.write_attempt(id, 1, "output.zip", archive);
    job::JobStatus status = world_.jobs.get(id)->status;
    status.artifacts = job::Artifacts{static_cast<std::int64_t>(archive.size()), sha256, 0, 3};
    world_.set_status(id, status);
    return "/api/v1/job/" + id;
  }
  std::string job_with(const std::string& archive) { return job_with(archive, base::sha256_hex(archive)); }

  // The same as the runner seals it, with its manifest.
  std::string sealed_job(const std::vector<std::pair<std::string, std::string>>& files, std::size_t listed = 10'000) {
    std::string archive;
    artifacts::ArchiveWriter writer([&](std::string_view piece) { archive.append(piece); },
                                    artifacts::Compression::kFast);
    artifacts::Manifest manifest;
    for (const auto& [name, content] : files) {
      const artifacts::Fd fd(memfd_create("file", MFD_CLOEXEC));
      artifacts::write_all(fd.get(), content);
      const auto added = writer.add(name, fd.get(), content.size(), base::TimePoint());
      if (manifest.files.size() < listed) manifest.files.push_back({name, added.bytes, added.sha256, {}});
    }
    writer.finish();
    const std::string path = job_with(archive);
    world_.write_attempt(path.substr(path.rfind('/') + 1), 1, "manifest.json", encode_manifest(manifest));
    return path;
  }

  std::string repository_with(const std::vector<std::pair<std::string, std::string>>& files) {
    const HttpReply made = world_.post("/api/v1/repository", testing::kMultipartType,
                                       testing::multipart({{"name=file; filename=i.zip", testing::zip_of(files)}}));
    EXPECT_EQ(made.status, 201) << made.body;
    return "/api/v1/repository/" + made.json()["repository_id"].get<std::string>();
  }
  HttpReply head(const std::string& path) { return world_.call("HEAD", path, World::identity("ana")); }

  World world_;
};

TEST_F(Files, ListWhatAnOutputHas) {
  const std::string job = sealed_job({{"a.csv", "x,y\n"}, {"sub/é \"1\".bin", "deep"}});
  const HttpReply list = world_.get(job + "/output/files");
  ASSERT_EQ(list.status, 200) << list.body;
  EXPECT_EQ(list.header("Content-Type"), "application/json");
  EXPECT_EQ(list.json(), json::array({{{"name", "a.csv"},
                                       {"bytes", 4},
                                       {"type", "text/csv; charset=utf-8"},
                                       {"sha256", base::sha256_hex("x,y\n")},
                                       {"crc32", "a0b0c34a"}},
                                      {{"name", "sub/é \"1\".bin"},
                                       {"bytes", 4},
                                       {"type", "application/octet-stream"},
                                       {"sha256", base::sha256_hex("deep")},
                                       {"crc32", "9393585d"}}}))
      << list.body;
  EXPECT_EQ(world_.get(job + "/output/files", {{"If-None-Match", list.header("ETag")}}).status, 304);
  const HttpReply only_head = head(job + "/output/files");
  EXPECT_EQ(only_head.status, 200);
  EXPECT_EQ(only_head.header("Content-Length"), std::to_string(list.body.size()));
}

TEST_F(Files, OfAnOldManifestHaveNoDigest) {
  const std::string some = sealed_job({{"a", "1"}, {"b", "2"}}, 1);
  EXPECT_TRUE(world_.get(some + "/output/files").json()[0].contains("sha256"));
  EXPECT_FALSE(world_.get(some + "/output/files").json()[1].contains("sha256"));
  const std::string none = job_with(testing::zip_of({{"a", "1"}}));
  const HttpReply list = world_.get(none + "/output/files");
  ASSERT_EQ(list.status, 200) << list.body;
  EXPECT_FALSE(list.json()[0].contains("sha256"));
  EXPECT_EQ(list.json()[0]["crc32"], "83dcefb7");
  world_.write_attempt(none.substr(none.rfind('/') + 1), 1, "manifest.json", "no manifest");
  EXPECT_EQ(world_.get(none + "/output/files").status, 200);
}

TEST_F(Files, OfAnOutputAreServedOneByOne) {
  // Deflated in memory, deflated into a file, deflated on a thread for long work, stored; and empty.
  const std::vector<std::pair<std::string, std::string>> files = {{"small.csv", "x,y\n1,2\n"},
                                                                  {"sub/middle.txt", std::string(700'000, 'm')},
                                                                  {"large.log", std::string(6'000'000, 'l')},
                                                                  {"noise.bin", noise(1'000'000)},
                                                                  {"empty.txt", ""}};
  const std::string job = sealed_job(files);
  for (const auto& [name, content] : files) {
    const std::string path = job + "/output/files/" + name;
    const HttpReply whole = world_.get(path);
    ASSERT_EQ(whole.status, 200) << name << whole.body;
    EXPECT_TRUE(whole.body == content) << name;
    EXPECT_EQ(whole.header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(whole.header("Content-Security-Policy"), kContentPolicy);
    EXPECT_EQ(whole.header("Accept-Ranges"), "bytes");
    EXPECT_EQ(whole.header("Cache-Control"), "no-store");
    const std::string etag = whole.header("ETag");
    EXPECT_EQ(etag.size(), 66u);
    const HttpReply only_head = head(path);
    EXPECT_EQ(only_head.status, 200);
    for (const char* field : {"Content-Length", "ETag", "Content-Type", "Content-Disposition", "X-Content-Type-Options",
                              "Content-Security-Policy", "Accept-Ranges"}) {
      EXPECT_EQ(only_head.header(field), whole.header(field)) << field;
    }
    EXPECT_EQ(world_.get(path, {{"If-None-Match", etag}}).status, 304);
    EXPECT_EQ(world_.get(path, {{"If-None-Match", "\"other\""}}).status, 200);
    if (content.empty()) continue;
    const HttpReply part = world_.get(path, {{"Range", "bytes=1-3"}, {"If-Range", etag}});
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.body, content.substr(1, 3));
    EXPECT_EQ(part.header("Content-Range"), "bytes 1-3/" + std::to_string(content.size()));
    EXPECT_EQ(part.header("ETag"), etag);
    EXPECT_TRUE(world_.get(path, {{"Range", "bytes=1-3"}, {"If-Range", "\"other\""}}).body == content);
    const HttpReply beyond = world_.get(path, {{"Range", "bytes=" + std::to_string(content.size()) + "-"}});
    EXPECT_EQ(beyond.status, 416);
    EXPECT_EQ(beyond.header("Content-Range"), "bytes */" + std::to_string(content.size()));
  }
  EXPECT_NE(world_.get(job + "/output/files/small.csv").header("ETag"),
            world_.get(job + "/output/files/empty.txt").header("ETag"));
}

TEST_F(Files, NeverRunInABrowser) {
  const std::string page = "<script>alert(document.domain)</script>";
  const std::vector<std::string> names = {"a.html", "a.svg", "a.xml", "a.pdf", "a.js", "a", "a.csv.HTML"};
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string& name : names) files.emplace_back(name, page);
  const std::string job = sealed_job(files);
  const std::string repository = repository_with(files);
  for (const std::string& name : names) {
    for (const std::string& folder : {job + "/output", repository + "/input"}) {
      const HttpReply reply = world_.get(folder + "/files/" + name);
      EXPECT_EQ(reply.status, 200) << name;
      EXPECT_EQ(reply.header("Content-Type"), "application/octet-stream") << name;
      EXPECT_THAT(reply.header("Content-Disposition"), ::testing::StartsWith("attachment;")) << name;
      EXPECT_EQ(reply.header("X-Content-Type-Options"), "nosniff");
      EXPECT_EQ(reply.header("Content-Security-Policy"), kContentPolicy);
    }
  }
}

TEST_F(Files, OfTheInputOfAJobAreThoseThatItGets) {
  const std::string repository = repository_with({{"a.csv", "x,y\n"}, {"b.csv", "old"}});
  const testing::Headers in{{"repository_id", repository.substr(repository.rfind('/') + 1)}};
  const HttpReply plain = world_.post_json("/api/v1/job/execute", "{}", in);
  const HttpReply own = world_.post("/api/v1/job/execute", testing::kMultipartType,
                                    testing::multipart({{"name=file; filename=b.csv", "new"}}), in);
  ASSERT_EQ(own.status, 201) << own.body;
  const auto input_of = [&](const HttpReply& made) {
    return "/api/v1/job/" + made.json()["job_id"].get<std::string>() + "/input/files";
  };
  for (const auto& [made, b] : {std::pair(plain, std::string("old")), std::pair(own, std::string("new"))}) {
    const HttpReply list = world_.get(input_of(made));
    ASSERT_EQ(list.status, 200) << list.body;
    std::map<std::string, std::string> digests;
    for (const json& file : list.json()) digests[file["name"]] = file["sha256"];
    EXPECT_EQ(digests, (std::map<std::string, std::string>{{"a.csv", base::sha256_hex("x,y\n")},
                                                           {"b.csv", base::sha256_hex(b)}}));
    const HttpReply file = world_.get(input_of(made) + "/b.csv");
    EXPECT_EQ(file.body, b);
    EXPECT_EQ(file.header("ETag"), "\"" + base::sha256_hex(b) + "\"");
    EXPECT_EQ(file.header("Content-Security-Policy"), kContentPolicy);
    EXPECT_EQ(world_.get(input_of(made) + "/b.csv", {{"Range", "bytes=0-1"}}).body, b.substr(0, 2));
    EXPECT_EQ(world_.get(input_of(made) + "/absent").body, R"({"error":"Invalid path"})");
    EXPECT_EQ(world_.get(input_of(made) + "/..%2Fjob.json").status, 400);
  }
  EXPECT_EQ(world_.call("GET", input_of(own), World::identity("stan")).status, 403) << "as the other parts of a job";
  EXPECT_EQ(world_.call("GET", input_of(own), World::identity("eve")).status, 404);
  EXPECT_EQ(world_.remove(input_of(own).substr(0, input_of(own).find("/input"))).status, 200);
  EXPECT_EQ(world_.get(input_of(own) + "/b.csv").body, R"({"error":"Invalid job_id"})");
}

// It has no folder before it starts.
TEST_F(Files, OfTheInputOfAJobMadeWithKubectlAreThoseOfItsRepository) {
  const std::string repository = repository_with({{"a.csv", "x,y\n"}});
  auto job = std::make_shared<job::Job>();
  job->meta.name = "by-hand";
  job->spec.organization_id = "acme";
  job->spec.application_id = "Tutorial";
  job->spec.client_id = "north";
  job->spec.repository_id = repository.substr(repository.rfind('/') + 1);
  world_.jobs.put(job->meta.name, job);
  const std::string files = "/api/v1/job/by-hand/input/files";
  EXPECT_EQ(world_.get(files).json()[0]["name"], "a.csv");
  EXPECT_EQ(world_.get(files + "/a.csv").body, "x,y\n");
}

TEST_F(Files, OfAnInputAreListedAndServed) {
  const std::string large = noise(100'000);
  const std::string repository = repository_with({{"a.csv", "x,y\n"}, {"sub/b.bin", large}, {"empty.txt", ""}});
  const HttpReply list = world_.get(repository + "/input/files");
  ASSERT_EQ(list.status, 200) << list.body;
  EXPECT_EQ(list.json(), json::array({{{"name", "a.csv"},
                                       {"bytes", 4},
                                       {"type", "text/csv; charset=utf-8"},
                                       {"sha256", base::sha256_hex("x,y\n")}},
                                      {{"name", "sub/b.bin"},
                                       {"bytes", 100'000},
                                       {"type", "application/octet-stream"},
                                       {"sha256", base::sha256_hex(large)}},
                                      {{"name", "empty.txt"},
                                       {"bytes", 0},
                                       {"type", "text/plain; charset=utf-8"},
                                       {"sha256", base::sha256_hex("")}}}))
      << list.body;
  const std::string path = repository + "/input/files/sub/b.bin";
  const HttpReply whole = world_.get(path);
  EXPECT_TRUE(whole.body == large);
  EXPECT_EQ(whole.header("ETag"), "\"" + base::sha256_hex(large) + "\"");
  EXPECT_EQ(head(path).header("Content-Length"), "100000");
  EXPECT_EQ(world_.get(path, {{"Range", "bytes=-5"}}).body, large.substr(99'995));
  EXPECT_EQ(world_.get(path, {{"If-None-Match", whole.header("ETag")}}).status, 304);
  EXPECT_EQ(world_.get(repository + "/input/files/a.csv").header("Content-Disposition"), "inline; filename=\"a.csv\"");
  EXPECT_EQ(world_.get(repository + "/input/files/sub%2Fb.bin").status, 200);
  EXPECT_EQ(world_.get(repository + "/input/files/sub").status, 404);
  EXPECT_EQ(world_.get(repository + "/input/files/repository.json").status, 404);
  EXPECT_EQ(world_.remove(repository).status, 200);
  for (const char* part : {"/input/files", "/input/files/a.csv"}) {
    const HttpReply gone = world_.get(repository + part);
    EXPECT_EQ(gone.status, 404);
    EXPECT_EQ(gone.body, R"({"error":"Invalid repository_id"})");
  }
}

TEST_F(Files, FollowTheJob) {
  for (const std::string part : {"/output/files", "/output/files/a.csv"}) {
    for (const Phase phase : {Phase::kQueued, Phase::kStarted}) {
      const HttpReply reply = world_.get("/api/v1/job/" + world_.make_job(phase) + part);
      EXPECT_EQ(reply.status, 202);
      EXPECT_EQ(reply.body, R"({"message":"Job not yet finished"})");
      EXPECT_EQ(reply.header("Retry-After"), "1");
    }
    const HttpReply failed = world_.get("/api/v1/job/" + world_.make_job(Phase::kFailed) + part);
    EXPECT_EQ(failed.status, 500);
    EXPECT_EQ(failed.body, R"({"error":"Job failed"})");
    EXPECT_EQ(world_.get("/api/v1/job/01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d" + part).body,
              R"({"error":"Invalid job_id"})");
    const std::string job = sealed_job({{"a.csv", "1"}});
    EXPECT_EQ(world_.get(job + part, {{"repository_id", "202009231629398695"}}).body,
              R"({"error":"Invalid repository_id"})");
    EXPECT_EQ(world_.call("GET", job + part, World::identity("eve")).body, R"({"error":"Invalid job_id"})");
    EXPECT_EQ(world_.call("GET", job + part, World::identity("stan")).status, 403);
    EXPECT_EQ(world_.call("GET", job + part, World::identity("dora")).status, 200);
    EXPECT_EQ(world_.get(job + part + "?x=1").status, 400);
    world_.archive(job.substr(job.rfind('/') + 1));
    EXPECT_EQ(world_.get(job + part).status, 200);
    EXPECT_EQ(world_.remove(job).status, 200);
    EXPECT_EQ(world_.get(job + part).body, R"({"error":"Invalid job_id"})");
  }
}

TEST_F(Files, OfAJobWithoutOutputAreNone) {
  const std::string job = job_with("", "");
  EXPECT_EQ(world_.get(job + "/output/files").body, "[]");
  EXPECT_EQ(world_.get(job + "/output/files/a").body, R"({"error":"Invalid path"})");
  EXPECT_EQ(world_.get(sealed_job({}) + "/output/files").body, "[]");
}

TEST_F(Files, WithHostileNamesAre400Or404) {
  const std::string job = job_with(build_zip({{.name = "a.csv", .content = "x"},
                                              {.name = "../up", .content = "x"},
                                              {.name = "/absolute", .content = "x"},
                                              {.name = "back\\slash", .content = "x"},
                                              {.name = "not\xff", .content = "x"},
                                              {.name = "link", .content = "/etc/passwd", .mode = 0120777},
                                              {.name = "folder/", .mode = 0040755},
                                              {.name = "twice", .content = "1"},
                                              {.name = "twice", .content = "2"}}));
  EXPECT_EQ(world_.get(job + "/output/files").json().size(), 1u);
  const std::string repository = repository_with({{"a.csv", "x"}});
  const struct {
    const char* path;
    int want_status;
  } cases[] = {
      {"../up", 400},        {"%2e%2e/up", 400},     {"..%2Fup", 400},  {"/absolute", 400},      {"%2Fabsolute", 400},
      {"back%5Cslash", 400}, {"not%FF", 400},        {"a.csv%00", 400}, {"a.csv%0D%0AX:y", 400}, {"%", 400},
      {"a.csv%2", 400},      {"folder/", 400},       {"a.csv/..", 400}, {"link", 404},           {"folder", 404},
      {"twice", 404},        {"absent", 404},        {"A.csv", 404},    {"a.csv/b", 404},        {"a%252Ecsv", 404},
      {"output.zip", 404},   {"manifest.json", 404},
  };
  for (const auto& c : cases) {
    for (const std::string& folder : {job + "/output", repository + "/input"}) {
      const HttpReply reply = world_.get(folder + "/files/" + c.path);
      EXPECT_EQ(reply.status, c.want_status) << c.path << reply.body;
      EXPECT_EQ(reply.json()["error"], "Invalid path") << c.path;
      EXPECT_EQ(reply.header("Content-Type"), "application/json");
    }
  }
  EXPECT_EQ(world_.get(job + "/output/files/").body, R"({"error":"Not found"})");
  EXPECT_EQ(world_.call("DELETE", job + "/output/files/a.csv", World::identity("ana")).status, 405);
}

TEST_F(Files, OfADamagedArchiveAre503) {
  const std::string no_archive = job_with("PK..");
  EXPECT_EQ(world_.get(no_archive + "/output/files").status, 503);
  EXPECT_EQ(world_.get(no_archive + "/output/files/a").status, 503);
  const std::string bomb(50'000'000, '\0');
  const std::string job = job_with(
      build_zip({{.name = "bomb", .content = "1234", .deflated = true, .data = vbrain::testing::deflate_raw(bomb)},
                 {.name = "crc", .content = "1234", .deflated = true, .crc = 1},
                 {.name = "good", .content = "1234", .deflated = true}}));
  EXPECT_EQ(world_.get(job + "/output/files/bomb").status, 503);
  EXPECT_EQ(world_.get(job + "/output/files/crc").status, 503);
  EXPECT_EQ(world_.get(job + "/output/files/good").body, "1234");
  EXPECT_TRUE(world_.files(".staging").empty());
}

// An end of an older version has no digest of its output.
TEST_F(Files, WithoutATagAreSentWhole) {
  const std::string large(100'000, 'l');
  const std::string job = job_with(build_zip({{.name = "small", .content = "1234", .deflated = true},
                                              {.name = "large", .content = large, .deflated = true}}),
                                   "");
  for (const char* condition : {"*", "\"\""}) {
    EXPECT_EQ(world_.get(job + "/output/files/small", {{"If-None-Match", condition}}).body, "1234") << condition;
    EXPECT_EQ(world_.get(job + "/output/files/large", {{"If-None-Match", condition}}).body, large) << condition;
  }
  EXPECT_EQ(world_.get(job + "/output/files/large", {{"If-Match", "\"\""}}).status, 412);
}

// The status is as a container said. A job must not get what another one's answers have left.
TEST_F(Files, AreNeverThoseOfAnotherJob) {
  const std::string mine(100'000, 'm');
  const std::string archive = testing::zip_of({{"a", std::string(100'000, 's')}});
  const std::string theirs = job_with(archive);
  EXPECT_EQ(world_.get(theirs + "/output/files/a", {{"Range", "bytes=0-0"}}).body, "s");
  const std::string liar = job_with(testing::zip_of({{"a", mine}}), base::sha256_hex(archive));
  EXPECT_TRUE(world_.get(liar + "/output/files/a").body == mine);
}

TEST_F(Files, ALongListTakesNoMemory) {
  std::vector<ZipEntry> entries;
  for (int i = 0; i < 65'535; ++i) entries.push_back({.name = std::string(60, 'n') + std::to_string(i)});
  const std::string job = job_with(build_zip(entries));
  const HttpReply list = world_.get(job + "/output/files");
  ASSERT_EQ(list.status, 200) << list.body;
  ASSERT_EQ(list.json().size(), 65'535u);
  EXPECT_EQ(list.json()[65'534]["name"], std::string(60, 'n') + "65534");
  EXPECT_TRUE(world_.files(".staging").empty());
  EXPECT_EQ(world_.json_budget->room(World::tenant()), World().json_budget->room(World::tenant()));
  EXPECT_EQ(world_.get(job + "/output/files/" + std::string(60, 'n') + "65534").status, 200);
  EXPECT_EQ(world_.get(job + "/output/files/absent").status, 404);
}

TEST_F(Files, LongWorkLeavesRoomForSmallFiles) {
  const std::string job = sealed_job({{"small.csv", "x,y\n"}, {"large.log", std::string(6'000'000, 'l')}});
  testing::HeldPool held(*world_.bulk_workers, World::kBulkWorkers);
  auto large = std::async(std::launch::async, [&] { return world_.get(job + "/output/files/large.log").body.size(); });
  for (int turn = 0; turn < 20; ++turn) {
    EXPECT_EQ(world_.get(job + "/output/files").status, 200);
    EXPECT_EQ(world_.get(job + "/output/files/small.csv").status, 200);
    EXPECT_EQ(head(job + "/output/files/large.log").status, 200) << "nothing is unpacked";
  }
  EXPECT_EQ(large.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  held.release();
  EXPECT_EQ(large.get(), 6'000'000u);
}

TEST_F(Files, ReachRealClients) {
  const std::string content = "é;" + noise(500'000);
  const std::string job = sealed_job({{"sub/é 1.csv", content}});
  const vbrain::testing::TempDir temp;
  std::string headers;
  for (const auto& [name, value] : World::identity("ana")) headers += name + ": " + value + "\n";
  vbrain::testing::write_file(temp / "headers", headers);
  const std::string url = "http://" + world_.server->address() + job + "/output/files/";
  const struct {
    const char* probe;
    const char* command;  // writes the file `got`
  } clients[] = {
      {"curl --version", "curl -sf -H @headers -o got \"$URL\"'sub/%C3%A9%201.csv'"},
      // Continues a download that was cut.
      {"curl --version",
       "curl -sf -H @headers -r 0-99999 -o got \"$URL\"'sub/%C3%A9%201.csv' && "
       "curl -sf -H @headers -C - -o got \"$URL\"'sub/%C3%A9%201.csv'"},
      {"/usr/bin/python3 -c 'import requests'", R"(/usr/bin/python3 - <<'EOF'
import os, requests
headers = dict(line.strip().split(': ', 1) for line in open('headers'))
files = requests.get(os.environ['URL'][:-1], headers=headers, timeout=60).json()
answer = requests.get(os.environ['URL'] + files[0]['name'], headers=headers, timeout=60)
answer.raise_for_status()
open('got', 'wb').write(answer.content)
EOF
)"},
  };
  for (const auto& client : clients) {
    if (std::system((std::string(client.probe) + " >/dev/null 2>&1").c_str()) != 0) continue;
    std::filesystem::remove(temp / "got");
    const std::string run = "cd '" + temp.path() + "' && export NO_PROXY='*' no_proxy='*' LC_ALL=C.UTF-8 && URL='" +
                            url + "' && export URL && " + client.command;
    ASSERT_EQ(std::system(run.c_str()), 0) << client.command;
    EXPECT_TRUE(vbrain::testing::read_file(temp / "got") == content) << client.command;
  }
}

}  // namespace
}  // namespace vbrain::api
