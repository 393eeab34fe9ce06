#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/records/claim.hpp"
#include "artifacts/records/job_file.hpp"
#include "artifacts/records/manifest.hpp"
#include "artifacts/records/outcome.hpp"
#include "artifacts/records/raw_json.hpp"
#include "base/files/io.hpp"
#include "base/json/json_reader.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/base/hostile_json.hpp"

namespace vbrain::artifacts {
namespace {

using ::testing::HasSubstr;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;

Fd in_memory(std::string_view bytes) {
  Fd fd(memfd_create("json", MFD_CLOEXEC));
  EXPECT_TRUE(base::write_full(fd.get(), bytes));
  return fd;
}

const base::TimePoint kTime = *base::parse_rfc3339("2026-01-02T03:04:05.678Z");

JobFile a_job() {
  JobFile file;
  file.job_id = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d";
  file.tenant = {"acme", "Operações", "a/b"};
  file.repository_id = "202009231629398695";
  file.created_on = kTime;
  file.created_by = "ana";
  file.params = R"({"a": 10, "b":  1.10})";
  file.metadata = R"({"name":"x"})";
  file.input_from = JobFile::InputFrom::kJob;
  file.input = {{"dados.csv", 12, std::string(64, 'a')}};
  file.priority = -3;
  file.callback_url = "https://hooks.example.com/jobs?a=\"1\"";
  file.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  return file;
}

TEST(JobFileCodec, RoundTrips) {
  const JobFile file = a_job();
  EXPECT_EQ(*decode_job_file(encode(file)), file);
  JobFile bare = file;
  bare.input.clear();
  bare.repository_id.clear();
  bare.traceparent.clear();
  EXPECT_EQ(*decode_job_file(encode(bare)), bare);
  RepositoryFile repository{.repository_id = "202009231629398695", .created_on = kTime, .created_by = "ana"};
  repository.name = "my \"name\"";
  repository.metadata = R"({"name":"my \"name\""})";
  EXPECT_EQ(*decode_repository_file(encode(repository)), repository);
}

TEST(JobFileCodec, HasTheMembersOtherProgramsRead) {
  const auto object = nlohmann::json::parse(encode(a_job()));
  EXPECT_EQ(object["format"], 1);
  EXPECT_EQ(object["organization_id"], "acme");
  EXPECT_EQ(object["created_on"], "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(object["inputFrom"], "job");
  EXPECT_EQ(object["input"][0]["bytes"], 12);
}

TEST(JobFileCodec, KeepsEveryDigitOfParams) {
  JobFile file = a_job();
  file.params = R"({"big":123456789012345678901234567890,"exact":0.10,"e":1E5,"s":"$(x) {{y}} \u00e9\n"})";
  EXPECT_EQ(decode_job_file(encode(file))->params, file.params);
}

TEST(JobFileCodec, KeepsUnknownMembers) {
  std::string text = encode(a_job());
  text.replace(text.find("{\"format\":1"), 11, R"({"format":1,"later":{"x":[1.0]},"more":"y")");
  const auto file = decode_job_file(text);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->unknown, R"({"later":{"x":[1.0]},"more":"y"})");
  EXPECT_THAT(encode(*file), HasSubstr(R"("later":{"x":[1.0]})"));
}

TEST(JobFileCodec, RefusesParamsThatAreNoObject) {
  JobFile file = a_job();
  for (const char* params : {"", "[]", "{", "{} {}", "{\"a\":1,\"a\":2}"}) {
    file.params = params;
    EXPECT_THROW(encode(file), std::invalid_argument) << params;
  }
}

TEST(JobFileCodec, RefusesHostileText) {
  const std::string good = encode(a_job());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const auto at = text.find(from);
    EXPECT_NE(at, text.npos) << from;
    return text.replace(at, from.size(), to);
  };
  const std::vector<std::string> cases = {
      "",
      "[]",
      "{}",
      good.substr(0, good.size() / 2),
      good + "{}",
      with("\"format\":1", "\"format\":2"),
      with("\"job_id\":\"0", "\"job_id\":\"../0"),
      with("\"organization_id\":\"acme\"", "\"organization_id\":\"\""),
      with("202009231629398695", ".."),
      with("2026-01-02T", "2026-13-02T"),
      with("\"inputFrom\":\"job\"", "\"inputFrom\":\"host\""),
      with("\"priority\":-3", "\"priority\":99999999999"),
      with("\"priority\":-3", "\"priority\":1.5"),
      with("\"bytes\":12", "\"bytes\":-1"),
      with("\"bytes\":12", "\"bytes\":18446744073709551615"),
      with("{\"name\":\"x\"}", "[]"),
      with("\"created_by\":\"ana\"", "\"created_by\":{}"),
      with("\"created_by\":\"ana\"", "\"job_id\":\"a\""),
  };
  for (const auto& text : cases) {
    const auto file = decode_job_file(text);
    ASSERT_FALSE(file) << text;
    EXPECT_FALSE(file.error().empty());
  }
}

TEST(RawJson, SplitsObjects) {
  const auto members = split_object(" {\"a\" : 1.0 , \"\\u0062\":[1,{\"x\":\"]}\\\"\"}],\"c\":null,\"\":-1e2} ");
  ASSERT_TRUE(members);
  const RawMembers want = {{"a", "1.0"}, {"b", R"([1,{"x":"]}\""}])"}, {"c", "null"}, {"", "-1e2"}};
  EXPECT_EQ(*members, want);
  EXPECT_TRUE(split_object("{}")->empty());
  EXPECT_FALSE(split_object("[]"));
  EXPECT_FALSE(split_object("{\"a\":}"));
  EXPECT_FALSE(split_object("\xEF\xBB\xBF{}")) << "whoever takes a byte order mark takes it off";
}

TEST(RawJson, OverlaysKeyByKey) {
  EXPECT_EQ(overlay_object(R"({"a":1.0,"b":{"x":1}})", R"({ "b": {"y":2}, "c":3 })"), R"({"a":1.0,"b":{"y":2},"c":3})");
  EXPECT_EQ(overlay_object("{}", "{}"), "{}");
  EXPECT_THROW(overlay_object("[]", "{}"), std::invalid_argument);
}

TEST(RawJson, OverlaysManyKeysInLinearTime) {
  std::string many = "{";
  for (int i = 0; i < 100'000; ++i) many += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":1";
  many += "}";
  EXPECT_EQ(overlay_object(many, many), many);
}

Outcome an_outcome() {
  return {.kind = Outcome::Kind::kOk,
          .exit_code = 0,
          .signal = 0,
          .output_bytes = 12,
          .output_sha256 = std::string(64, '0'),
          .log_bytes = 34,
          .result_bytes = 9,
          .duration_ms = 1200,
          .message = ""};
}

TEST(OutcomeCodec, RoundTripsEveryKind) {
  using Kind = Outcome::Kind;
  for (const Kind kind : {Kind::kOk, Kind::kExit, Kind::kSignal, Kind::kOom, Kind::kClaimLost, Kind::kInvalidResult,
                          Kind::kSealFailed, Kind::kExecFailed}) {
    Outcome outcome = an_outcome();
    outcome.kind = kind;
    outcome.message = "código 3";
    EXPECT_EQ(*decode_outcome(encode_outcome(outcome)), outcome) << to_string(kind);
  }
  const auto object = nlohmann::json::parse(encode_outcome(an_outcome()));
  EXPECT_EQ(object["format"], 1);
  EXPECT_EQ(object["outcome"], "ok");
  EXPECT_EQ(object["durationMs"], 1200);
}

TEST(OutcomeCodec, CutsTheMessageToFit) {
  const std::vector<std::string> pieces = {"a", "é", "日", "😀", "\"", "\\", "\x01", "\xff"};
  for (const auto& piece : pieces) {
    Outcome outcome = an_outcome();
    for (int i = 0; i < 3'000; ++i) outcome.message += piece;
    const std::string text = encode_outcome(outcome);
    EXPECT_LE(text.size(), kOutcomeLimit);
    EXPECT_GT(text.size(), kOutcomeLimit - 16) << "as much as fits: " << piece;
    const auto read = decode_outcome(text);
    ASSERT_TRUE(read) << piece;
    EXPECT_FALSE(read->message.empty());
  }
}

TEST(OutcomeCodec, RefusesHostileText) {
  const std::string good = encode_outcome(an_outcome());
  ASSERT_TRUE(decode_outcome(good));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  const std::vector<std::string> cases = {
      "",
      "done",
      "null",
      "[]",
      std::string(5000, ' ') + good,
      good.substr(1),
      with("\"format\":1", "\"format\":\"1\""),
      with("\"ok\"", "\"fine\""),
      with("\"ok\"", "7"),
      with("\"exitCode\":0", "\"exitCode\":256"),
      with("\"exitCode\":0", "\"exitCode\":-1"),
      with("\"exitCode\":0", "\"exitCode\":\"0\""),
      with("\"exitCode\":0", "\"exitCode\":1"),
      with("\"signal\":0", "\"signal\":65"),
      with("\"outputBytes\":12", "\"outputBytes\":-12"),
      with("\"outputBytes\":12", "\"outputBytes\":1e300"),
      with(std::string(64, '0'), std::string(63, '0')),
      with(std::string(64, '0'), std::string(64, 'G')),
      with("\"message\":\"\"", "\"message\":[]"),
      with("\"message\":\"\"", "\"message\":\"\",\"message\":\"\""),
  };
  for (const auto& text : cases) EXPECT_FALSE(decode_outcome(text)) << text;
}

TEST(OutcomeCodec, TakesControlCharactersOutOfMessages) {
  Outcome outcome = an_outcome();
  const std::string text = R"({"format":1,"outcome":"exit","exitCode":1,"message":"a\u001b[31mb\nc\u0000d"})";
  EXPECT_EQ(decode_outcome(text)->message, "a [31mb c d");
}

TEST(ManifestCodec, RoundTrips) {
  Manifest manifest{.outcome = an_outcome(),
                    .pod_uid = "5a7c",
                    .start_time = kTime,
                    .completion_time = kTime + std::chrono::seconds(2),
                    .max_rss_bytes = 1 << 20,
                    .cpu_ms = 1500,
                    .files = {{"a/b.txt", 5, std::string(64, 'f'), kTime}},
                    .files_total = 1};
  EXPECT_EQ(*decode_manifest(encode_manifest(manifest)), manifest);
}

TEST(ManifestCodec, ListsABoundedNumberOfFiles) {
  Manifest manifest{.outcome = an_outcome(), .files_total = 20'000};
  for (int i = 0; i < 20'000; ++i) {
    manifest.files.push_back({std::string(1'000, 'n') + std::to_string(i), 5, std::string(64, 'f'), kTime});
  }
  const std::string text = encode_manifest(manifest);
  EXPECT_LE(text.size(), kManifestLimit);
  const auto read = decode_manifest(text);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->files.size(), kManifestFiles);
  EXPECT_EQ(read->files_total, 20'000U);
}

TEST(ManifestCodec, RefusesHostileText) {
  const std::string good = encode_manifest({.outcome = an_outcome(), .start_time = kTime, .completion_time = kTime});
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const auto& text :
       {std::string(), std::string("{}"), with("\"files\":[]", "\"files\":{}"), with("\"files\":[]", "\"files\":[1]"),
        with("\"files\":[]", R"("files":[{"name":"a","bytes":1,"sha256":"x","modified":"2026-01-01T00:00:00Z"}])"),
        with("\"cpuMs\":0", "\"cpuMs\":-1"), with("\"startTime\":\"2026", "\"startTime\":\"x026")}) {
    EXPECT_FALSE(decode_manifest(text)) << text;
  }
}

TEST(Claim, OneWinsOnce) {
  const TempDir temp;
  const Dir attempt = Dir::open(temp.path());
  EXPECT_FALSE(read_claim(attempt));
  std::atomic<int> won = 0;
  std::vector<std::thread> runners;
  for (int i = 0; i < 8; ++i) {
    runners.emplace_back([&, i] {
      won += take_claim(Dir::open(temp.path()),
                        {.by = Claim::By::kRunner, .pod_uid = "pod-" + std::to_string(i), .time = kTime})
                 .won;
    });
  }
  for (auto& runner : runners) runner.join();
  EXPECT_EQ(won, 1);
  const auto owner = read_claim(attempt);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->by, Claim::By::kRunner);
  // The winner itself, when it calls again.
  const auto again = take_claim(attempt, *owner);
  EXPECT_FALSE(again.won);
  EXPECT_EQ(again.owner.pod_uid, owner->pod_uid);
  EXPECT_EQ(attempt.list().size(), 1U) << "who loses leaves nothing behind";
}

TEST(Claim, AFileWithAnyContentIsAClaim) {
  const TempDir temp;
  const Dir attempt = Dir::open(temp.path());
  for (const std::string text : {"", "{", "{\"format\":1}", "garbage"}) {
    write_file(temp / "claim", text);
    EXPECT_FALSE(take_claim(attempt, {.by = Claim::By::kRunner, .pod_uid = "p", .time = kTime}).won) << text;
    EXPECT_EQ(read_claim(attempt)->by, Claim::By::kUnknown) << text;
  }
  std::filesystem::remove(temp / "claim");
  std::filesystem::create_symlink("/etc/passwd", temp / "claim");
  EXPECT_FALSE(take_claim(attempt, {.by = Claim::By::kRunner, .pod_uid = "p", .time = kTime}).won);
}

TEST(JsonCheck, AgreesWithTheParser) {
  const std::vector<std::pair<std::string, bool>> cases = {
      {"{}", true},
      {"[]", true},
      {" null ", true},
      {"1", true},
      {"-0", true},
      {"0.5e-10", true},
      {"\"a\\u00e9\\n\"", true},
      {"\"é日😀\"", true},
      {"[1,2,{\"a\":[true,false,null]}]", true},
      {"{\"a\":1,\"b\":{}}", true},
      {"", false},
      {" ", false},
      {"[1,]", false},
      {"[,1]", false},
      {"{\"a\"}", false},
      {"{\"a\":1,}", false},
      {"{1:1}", false},
      {"[1 2]", false},
      {"{} {}", false},
      {"01", false},
      {"-", false},
      {"1.", false},
      {".5", false},
      {"1e", false},
      {"1e400", false},
      {"NaN", false},
      {"tru", false},
      {"truex", false},
      {"\"\\x\"", false},
      {"\"\\u12g4\"", false},
      {"\"a\nb\"", false},
      {"\"open", false},
      {"\"\xff\"", false},
      {"\"\xc3\"", false},
      {"[", false},
      {"]", false},
      {"[}", false},
      {"'a'", false},
      {"\xEF\xBB\xBF{}", false},
  };
  for (const auto& [text, want] : cases) {
    const Fd fd = in_memory(text);
    for (const std::size_t block : {1U, 4096U}) {
      base::IgnoreTokens ignore;
      EXPECT_EQ(base::read_json(fd.get(), ignore, {.block = block}).has_value(), want) << text;
    }
  }
}

TEST(JsonCheck, HoldsForEveryReaderOfTheVolume) {
  for (const auto& row : vbrain::testing::hostile_json()) {
    EXPECT_EQ(check_json(in_memory(row.text).get()).has_value(), row.lenient) << row.name;
    EXPECT_EQ(check_json(in_memory("\xEF\xBB\xBF" + row.text).get()).has_value(), row.lenient) << row.name;
    EXPECT_FALSE(split_object(row.text)) << row.name;
    // The same value as a member: one level deeper.
    const std::string object = "{\"params\":" + row.text + "}";
    const bool deepest = row.name.starts_with("depth");
    if (!deepest && row.name != "more than a million values") {
      EXPECT_EQ(split_object(object).has_value(), row.strict) << row.name;
    }
    if (row.strict) {
      EXPECT_EQ(split_object(object)->front().second, row.text) << row.name;
    }
    EXPECT_FALSE(decode_job_file(row.text)) << row.name;
    EXPECT_FALSE(decode_repository_file(row.text)) << row.name;
    EXPECT_FALSE(decode_manifest(row.text)) << row.name;
    EXPECT_FALSE(decode_outcome(row.text)) << row.name;
  }
}

}  // namespace
}  // namespace vbrain::artifacts
