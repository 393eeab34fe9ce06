#include <algorithm>
#include <nlohmann/json.hpp>

#include "artifacts/records/claim.hpp"
#include "artifacts/records/job_file.hpp"
#include "artifacts/records/json_check.hpp"
#include "artifacts/records/manifest.hpp"
#include "artifacts/records/outcome.hpp"
#include "artifacts/records/raw_json.hpp"
#include "artifacts/store/layout.hpp"
#include "base/json.hpp"
#include "base/yaml.hpp"
#include "fuzz/fuzz.hpp"
#include "unit/artifacts/temp_dir.hpp"

namespace vbrain::fuzz {
namespace {

using nlohmann::json;

bool check(std::string_view input, std::size_t piece) {
  artifacts::JsonCheck checker(64);
  while (!input.empty()) {
    if (!checker.feed(input.substr(0, piece))) return false;
    input.remove_prefix(std::min(piece, input.size()));
  }
  return checker.finish();
}

// Three readers of the same text: what the checks let pass, the parser must take.
void run_json(std::string_view input) {
  const bool checked = check(input, input.size() + 1);
  require(checked == check(input, 1) && checked == check(input, 3), "pieces change no verdict");
  const bool strict = base::check_json(input).has_value();
  const auto tree = base::parse_json(input);
  require(strict == tree.has_value(), "the check with and the one without a tree agree");
  if (input.starts_with("\xef\xbb\xbf")) return;  // the parser skips it, the checks don't
  const bool parsed = json::accept(input);
  if (strict) require(parsed, "what is checked parses");
  if (strict) require(checked, "what the strict check takes, the other takes");
  // It looks at no pairs of surrogates.
  if (checked && input.find("\\u") == input.npos) require(parsed, "what is checked in pieces parses");
}

void run_raw_json(std::string_view input) {
  const auto members = artifacts::split_object(input);
  if (!members) {
    require(!members.error().empty(), "a refusal has words");
    return;
  }
  const json tree = json::parse(input);
  require(tree.is_object() && tree.size() == members->size(), "members are those of the object");
  for (const auto& [name, value] : *members)
    require(json::parse(value) == tree.at(name), "values are those of the object");
  const std::string joined = artifacts::join_object(*members);
  require(json::parse(joined) == tree, "split and joined it is the same");
  require(json::parse(artifacts::overlay_object(input, joined)) == tree, "overlaid by itself it is the same");
}

// Files of the volume, which a pod or a broken disk may have written.
void run_files(std::string_view input) {
  if (const auto job = artifacts::decode_job_file(input)) {
    const std::string text = artifacts::encode(*job);
    const auto again = artifacts::decode_job_file(text);
    require(again && artifacts::encode(*again) == text, "job.json is written as it was read");
  }
  if (const auto repository = artifacts::decode_repository_file(input)) {
    const std::string text = artifacts::encode(*repository);
    const auto again = artifacts::decode_repository_file(text);
    require(again && artifacts::encode(*again) == text, "repository.json is written as it was read");
  }
  if (const auto manifest = artifacts::decode_manifest(input)) {
    const std::string text = artifacts::encode_manifest(*manifest);
    const auto again = artifacts::decode_manifest(text);
    require(again && artifacts::encode_manifest(*again) == text, "manifest.json is written as it was read");
  }
  if (const auto outcome = artifacts::decode_outcome(input)) {
    const std::string text = artifacts::encode_outcome(*outcome);
    require(text.size() <= artifacts::kOutcomeLimit, "an outcome is small");
    require(artifacts::decode_outcome(text).has_value(), "an outcome that was read can be written");
  }
}

void run_claim(std::string_view input) {
  static const vbrain::testing::TempDir folder;
  vbrain::testing::write_file(folder / artifacts::layout::kClaim, input);
  require(artifacts::read_claim(artifacts::Dir::open(folder.path())).has_value(), "a file called claim is a claim");
}

void run_yaml(std::string_view input) {
  const auto tree = base::parse_yaml(input);
  if (!tree) require(!tree.error().empty(), "a refusal has words");
}

}  // namespace

std::vector<Target> json_targets() {
  const std::vector<std::string> words = {"{",
                                          "}",
                                          "[",
                                          "]",
                                          "\"",
                                          ":",
                                          ",",
                                          "null",
                                          "true",
                                          "1e9",
                                          "-0",
                                          "1e400",
                                          "\\u0000",
                                          "\\ud800",
                                          "\\udc00",
                                          "\xc3\xa7",
                                          "\xff",
                                          "\"a\":",
                                          "9999999999999999999999",
                                          "\"format\":1",
                                          "\"params\":{}"};
  const std::vector<std::string> texts = {
      R"({"a":10,"b":[1,2.50,-3e-2,true,false,null],"c":{"d":"\u00e7\ud83d\ude00\n"}})", "[]", " \"x\" ",
      "12345678901234567890123", R"({"params":{"a":1},"metadata":{"name":"x"}})"};
  const std::string hash(64, 'a');
  std::vector<std::string> files = {
      R"({"format":1,"job_id":"0190a0b0-0000-7000-8000-000000000000","organization_id":"acme","application_id":"Tutorial","client_id":"north","repository_id":"202009231629398695","created_on":"2020-09-23T16:29:39.000Z","created_by":"ana","params":{"a":10},"metadata":{"name":"x"},"inputFrom":"job","input":[{"name":"d.csv","bytes":3,"sha256":")" +
          hash +
          R"("}],"priority":-5,"idempotencyKeyHash":"x","callbackUrl":"https://h","traceparent":"00-x","more":[1]})",
      R"({"format":1,"repository_id":"202009231629398695","created_on":"2020-09-23T16:29:39.000Z","created_by":"ana","name":"x","params":{"a":1.10},"metadata":{"name":"x"},"input":[]})",
      R"({"format":1,"outcome":"exit","exitCode":3,"signal":0,"outputBytes":12,"outputSha256":")" + hash +
          R"(","logBytes":34,"resultBytes":9,"durationMs":1200,"message":"m","podUid":"u","startTime":"2020-09-23T16:29:39.000Z","completionTime":"2020-09-23T16:29:40.000Z","maxRssBytes":1,"cpuMs":2,"files":[{"name":"a","bytes":1,"sha256":")" +
          hash + R"(","modified":"2020-09-23T16:29:39.000Z"}],"filesTotal":1})",
      R"({"format":1,"outcome":"ok","exitCode":0})"};
  return {
      {"json", run_json, texts, words},
      {"raw-json", run_raw_json, texts, words},
      {"files", run_files, files, words},
      {"claim",
       run_claim,
       {R"({"format":1,"by":"runner","podUid":"u","time":"2020-09-23T16:29:39.000Z"})",
        R"({"format":1,"by":"controller"})", ""},
       words},
      {"yaml",
       run_yaml,
       {"a: 1\nb: [x, 'y', \"z\"]\nc:\n  - {d: e}\n", "a: &x [1, 2]\nb: *x\nc: {<<: *x}\n", "--- |\n text\n...\n",
        "k: ~\n? q\n: r\n"},
       {"&a", "*a", ": ", "- ", "\n", "  ", "[", "]", "{", "}", "'", "\"", "|", ">", "---\n", "!!str ", "? ", "#",
        "<<: "}},
  };
}

}  // namespace vbrain::fuzz
