#include <sys/mman.h>

#include <nlohmann/json.hpp>

#include "artifacts/records/claim.hpp"
#include "artifacts/records/job_file.hpp"
#include "artifacts/records/manifest.hpp"
#include "artifacts/records/outcome.hpp"
#include "artifacts/records/raw_json.hpp"
#include "artifacts/store/layout.hpp"
#include "artifacts/submit/key_records.hpp"
#include "base/files/fd.hpp"
#include "base/files/io.hpp"
#include "base/json/json.hpp"
#include "base/json/json_reader.hpp"
#include "base/json/yaml.hpp"
#include "fuzz/fuzz.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::fuzz {
namespace {

using nlohmann::json;

constexpr base::JsonOptions kLenient{.limits = {.elements = base::JsonOptions::kNoLimit},
                                     .strict_keys = false,
                                     .lone_surrogates = true,
                                     .text_limit = 0};

// All that a reader gets to know, as text.
class Record final : public base::JsonHandler {
 public:
  base::JsonNext token(const base::JsonToken& token) override {
    for (const std::uint64_t number : {static_cast<std::uint64_t>(token.kind), static_cast<std::uint64_t>(token.depth),
                                       token.begin, token.end, token.text_size}) {
      text += std::to_string(number) + " ";
    }
    text += token.text;
    return base::JsonNext::kContinue;
  }
  void bytes(std::string_view piece) override { copied += piece; }

  std::string text;
  std::string copied;
};

// The same text from memory and, in blocks of any size, from a file.
std::string read(std::string_view input, base::JsonOptions options, std::size_t block) {
  Record record;
  Result<void, base::JsonError> result;
  options.copy_all = true;
  options.block = block;
  if (block == 0) {
    result = base::read_json(input, record, options);
  } else {
    const base::Fd file(memfd_create("fuzz", MFD_CLOEXEC));
    require(base::write_full(file.get(), input), "a file in memory can be written");
    result = base::read_json(file.get(), record, options);
  }
  if (!result) return result.error().message;
  require(record.copied == input, "the copy is the input");
  return "good " + record.text;
}

bool is_good(std::string_view read) {
  return read.starts_with("good ");
}

// Readers of the same text: what the checks let pass, the parser must take.
void run_json(std::string_view input) {
  const std::string lenient = read(input, kLenient, 0);
  const std::string strict = read(input, {}, 0);
  for (const std::size_t block : {1, 3, 4096}) {
    require(lenient == read(input, kLenient, block), "pieces change nothing");
    require(strict == read(input, {}, block), "pieces change nothing");
  }
  const auto tree = base::parse_json(input);
  require(base::check_json(input).has_value() == tree.has_value(), "the check with and the one without a tree agree");
  if (input.starts_with("\xef\xbb\xbf")) return;  // parse_json skips it
  require(tree.has_value() == is_good(strict), "the check and the reader agree");
  if (!tree) return;
  require(is_good(lenient), "what the strict check takes, the other takes");
  require(json::accept(input) && *tree == json::parse(input), "another parser reads the same");
}

void run_raw_json(std::string_view input) {
  if (const auto elements = artifacts::split_array(input)) {
    const json tree = json::parse(input);
    require(tree.is_array() && tree.size() == elements->size(), "elements are those of the array");
    for (std::size_t i = 0; i < elements->size(); ++i) {
      require(json::parse((*elements)[i]) == tree[i], "each element is that of the array");
    }
  }
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

// Files of the volume, written by a pod or damaged by a faulty disk.
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
  if (const auto record = artifacts::decode_key_record(input)) {
    const auto again = artifacts::decode_key_record(artifacts::encode(*record));
    require(again && *again == *record, "the record of a key is written as it was read");
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
      R"({"a":10,"b":[1,2.50,-3e-2,true,false,null],"c":{"d":"\u00e7\ud83d\ude00\n"}})",
      "[]",
      " \"x\" ",
      "12345678901234567890123",
      R"([{"a":1},[2,{}],"x",null])",
      R"({"params":{"a":1},"metadata":{"name":"x"}})"};
  const std::string hash(64, 'a');
  std::vector<std::string> files = {
      R"({"format":1,"job_id":"0190a0b0-0000-7000-8000-000000000000","organization_id":"acme","application_id":"Tutorial","client_id":"north","repository_id":"202009231629398695","created_on":"2020-09-23T16:29:39.000Z","created_by":"ana","params":{"a":10},"metadata":{"name":"x"},"inputFrom":"job","input":[{"name":"d.csv","bytes":3,"sha256":")" +
          hash +
          R"("}],"priority":-5,"idempotencyKeyHash":"x","callbackUrl":"https://h","traceparent":"00-x","more":[1]})",
      R"({"format":1,"repository_id":"202009231629398695","created_on":"2020-09-23T16:29:39.000Z","created_by":"ana","name":"x","params":{"a":1.10},"metadata":{"name":"x"},"input":[]})",
      R"({"format":1,"outcome":"exit","exitCode":3,"signal":0,"outputBytes":12,"outputSha256":")" + hash +
          R"(","logBytes":34,"resultBytes":9,"durationMs":1200,"message":"m","podUid":"u","startTime":"2020-09-23T16:29:39.000Z","completionTime":"2020-09-23T16:29:40.000Z","maxRssBytes":1,"cpuMs":2,"files":[{"name":"a","bytes":1,"sha256":")" +
          hash + R"(","modified":"2020-09-23T16:29:39.000Z"}],"filesTotal":1})",
      R"({"format":1,"request":")" + hash +
          R"(","id":"0190a0b0-0000-7000-8000-000000000000","repository_id":"202009231629398695","jobs":["a"],"answer":"{}"})",
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
