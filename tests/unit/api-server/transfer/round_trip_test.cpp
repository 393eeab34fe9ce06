// What vBrain hands out it takes back: names, bytes, empty folders, times.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/archive/archive_writer.hpp"
#include "base/text/digest.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

namespace fs = std::filesystem;
using testing::HttpReply;
using testing::kMultipartType;
using testing::multipart;
using testing::World;
using vbrain::testing::TempDir;

struct Item {
  std::string content = {};
  std::int64_t seconds = 0;

  bool operator==(const Item&) const = default;
};
// Files, and empty folders with a slash at the end (whose times do not count).
using Tree = std::map<std::string, Item>;

std::string pack(const Tree& tree) {
  const TempDir temp;
  const artifacts::Dir dir = artifacts::Dir::open(temp.path());
  std::string bytes;
  artifacts::ArchiveWriter writer([&](std::string_view piece) { bytes += piece; }, artifacts::Compression::kFast);
  for (const auto& [name, item] : tree) {
    const base::TimePoint time{std::chrono::seconds(item.seconds)};
    if (name.ends_with('/')) {
      writer.add_folder(name.substr(0, name.size() - 1), time);
      continue;
    }
    vbrain::testing::write_file(temp / "content", item.content);
    const auto file = dir.open_file("content");
    writer.add(name, file->fd.get(), file->size, time);
  }
  writer.finish();
  return bytes;
}

Tree unpack(const std::string& bytes) {
  const TempDir temp;
  vbrain::testing::write_file(temp / "a.zip", bytes);
  const artifacts::Dir dir = artifacts::Dir::open(temp.path());
  const auto file = dir.open_file("a.zip");
  const auto listing = artifacts::inspect(file->fd.get());
  Tree tree;
  if (!listing) {
    ADD_FAILURE() << listing.error().reason;
    return tree;
  }
  const artifacts::Dir target = dir.make("out");
  const auto files = artifacts::extract(*listing, file->fd.get(), target);
  if (!files) {
    ADD_FAILURE() << files.error().reason;
    return tree;
  }
  for (const auto& entry : fs::recursive_directory_iterator(temp / "out")) {
    const std::string name = fs::relative(entry.path(), temp / "out").string();
    if (entry.is_directory() && fs::is_empty(entry.path())) tree[name + "/"] = {};
    if (!entry.is_regular_file()) continue;
    struct stat found {};
    stat(entry.path().c_str(), &found);
    tree[name] = {vbrain::testing::read_file(entry.path().string()), found.st_mtime};
  }
  return tree;
}

// Names that programs on Linux write.
std::string random_name(std::mt19937& random) {
  static const std::vector<std::string> kPieces = {
      "a",   "A",     "data",          "Data", "aux", "NUL.csv", "a:b",      "C:",        " ",     ".", "..x",
      "é",   "ç",     "日本",          "🎉",    "\"",  "'",       "$(x)",     "%22",       "*?<>|", "~", "COM1",
      "-rf", ".json", "א\xe2\x80\x8f", "ß",    "ſ",   "x ",      "__MACOSX", ".DS_Store", "._"};
  std::string name;
  const auto pieces = 1 + random() % 3;
  for (std::size_t i = 0; i < pieces; ++i) name += kPieces[random() % kPieces.size()];
  return name == "." || name == ".." ? "dot" : name;
}

Tree random_tree(unsigned seed) {
  std::mt19937 random(seed);
  Tree tree;
  std::set<std::string> folders = {""};
  std::set<std::string> taken;
  for (int i = 0; i < 30; ++i) {
    auto folder = folders.begin();
    std::advance(folder, random() % folders.size());
    const std::string name = *folder + random_name(random);
    if (!artifacts::check_entry_name(name).empty() || !taken.insert(name).second) continue;
    tree.erase(*folder);
    if (random() % 3 == 0) {
      folders.insert(name + "/");
      tree[name + "/"] = {};
    } else {
      const std::size_t sizes[] = {0, 1, 1000, 70'000};
      tree[name] = {std::string(sizes[random() % 4], static_cast<char>('a' + random() % 26)),
                    static_cast<std::int64_t>(random() % 0xFFFFFFFF)};
    }
  }
  if (seed % 2 == 0) return tree;
  Tree below;  // a single folder INPUT
  for (auto& [name, item] : tree) below["INPUT/" + name] = item;
  return below;
}

TEST(RoundTrip, WhatIsHandedOutIsTakenBack) {
  World world;
  for (unsigned seed = 0; seed < 12; ++seed) {
    const Tree tree = random_tree(seed);
    std::string archive = pack(tree);  // as the runner seals an output
    for (int turn = 0; turn < 2; ++turn) {
      const HttpReply made =
          world.post("/api/v1/repository", kMultipartType, multipart({{"name=file; filename=output.zip", archive}}));
      ASSERT_EQ(made.status, 201) << seed << made.body;
      EXPECT_FALSE(made.json().contains("notes")) << made.body;
      const HttpReply input =
          world.get("/api/v1/repository/" + made.json()["repository_id"].get<std::string>() + "/input");
      ASSERT_EQ(input.status, 200);
      archive = input.body;
      EXPECT_EQ(unpack(archive), tree) << seed;
    }
  }
}

// Sends an archive as input and returns what GET …/input gives.
std::string through_input(World& world, const std::string& archive) {
  const HttpReply made =
      world.post("/api/v1/repository", kMultipartType, multipart({{"name=file; filename=again.zip", archive}}));
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_FALSE(made.json().contains("notes")) << made.body;
  if (made.status != 201) return {};
  return world.get("/api/v1/repository/" + made.json()["repository_id"].get<std::string>() + "/input").body;
}

TEST(RoundTrip, OutputsAreTakenBack) {
  World world;
  const Tree tree = random_tree(99);
  const std::string sealed = pack(tree);
  const std::string id = world.make_job(job::Phase::kFinished);
  world.write_attempt(id, 1, "output.zip", sealed);
  job::JobStatus status = world.jobs.get(id)->status;
  status.artifacts = job::Artifacts{static_cast<std::int64_t>(sealed.size()), base::sha256_hex(sealed), 0, 3};
  world.set_status(id, status);
  const HttpReply output = world.get("/api/v1/job/" + id + "/output");
  ASSERT_EQ(output.status, 200) << output.body;
  EXPECT_EQ(unpack(through_input(world, output.body)), tree);

  const std::string none = world.make_job(job::Phase::kFinished);
  status.artifacts = job::Artifacts{};
  world.set_status(none, status);
  EXPECT_EQ(unpack(through_input(world, world.get("/api/v1/job/" + none + "/output").body)), Tree{});
}

TEST(RoundTrip, LogsAreTakenBack) {
  World world;
  const std::string id = world.make_job(job::Phase::kFinished);
  const Tree logs = {{"stdout.log", {"hello\n", 1593606896}},
                     {"relatório ç.log", {"a", 1}},
                     {"INPUT/aux.log", {"", 1593606897}},
                     {"__MACOSX/._a.log", {"b", 2}},
                     {"sub/a:b.log", {std::string(70'000, 'x'), 3}}};
  for (const auto& [name, item] : logs) {
    world.write_attempt(id, 1, "logs/" + name, item.content);
    const std::string path = world.job_folder(id) + "/attempts/1/logs/" + name;
    const timespec times[2] = {{item.seconds, 0}, {item.seconds, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  const HttpReply archive = world.get("/api/v1/job/" + id + "/logs");
  ASSERT_EQ(archive.status, 200);
  const Tree handed_out = unpack(archive.body);
  for (const auto& [name, item] : logs) {
    const auto found = handed_out.find(name);
    ASSERT_NE(found, handed_out.end()) << name;
    EXPECT_EQ(found->second, item) << name;
  }
  EXPECT_EQ(unpack(through_input(world, archive.body)), handed_out);
}

// A job's own input over the repository's: folders and times are the same.
TEST(RoundTrip, AJobSeesEmptyFoldersAndTimes) {
  World world;
  const HttpReply made = world.post(
      "/api/v1/repository", kMultipartType,
      multipart({{"name=file; filename=a.zip", pack({{"d/a", {"x", 1593606896}}, {"empty/", {}}, {"deep/er/", {}}})}}));
  const std::string repository = made.json()["repository_id"];
  const HttpReply job = world.post("/api/v1/job/execute", kMultipartType,
                                   multipart({{"name=file; filename=own.zip", pack({{"own/", {}}, {"b", {"y", 99}}})}}),
                                   {{"repository_id", repository}});
  ASSERT_EQ(job.status, 201) << job.body;
  const std::string input = world.job_folder(job.json()["job_id"].get<std::string>()) + "/input/";
  struct stat found {};
  ASSERT_EQ(stat((input + "d/a").c_str(), &found), 0);
  EXPECT_EQ(found.st_mtime, 1593606896);
  ASSERT_EQ(stat((input + "b").c_str(), &found), 0);
  EXPECT_EQ(found.st_mtime, 99);
  for (const char* folder : {"empty", "deep/er", "own"}) EXPECT_TRUE(fs::is_directory(input + folder)) << folder;
}

TEST(RoundTrip, TheAnswerSaysWhatWasDecided) {
  World world;
  const HttpReply made = world.post(
      "/api/v1/job/execute", kMultipartType,
      multipart({{"name=file; filename=a.zip", testing::zip_of({{"a.csv", "x"}, {"__MACOSX/._a.csv", "y"}})}}));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(made.json()["notes"].dump(), ::testing::HasSubstr("1 entry of macOS or Windows left out"));
}

}  // namespace
}  // namespace vbrain::api
