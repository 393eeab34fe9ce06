// What the runner reads of the application that it has started, and its job.json.
#include <sys/mman.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "artifacts/archive/utf8.hpp"
#include "artifacts/files/safe_open.hpp"
#include "base/files/io.hpp"
#include "base/json/json_reader.hpp"
#include "fuzz/fuzz.hpp"
#include "runner/job_json.hpp"
#include "runner/json_fault.hpp"
#include "runner/logs/log_names.hpp"
#include "runner/logs/tail.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::fuzz {
namespace {

using artifacts::Fd;

bool has_control(std::string_view text) {
  while (!text.empty()) {
    const auto point = artifacts::take_code_point(text);
    if (!point || artifacts::is_control(*point)) return true;
  }
  return false;
}

// The last bytes of a stream become a part of a status, which people look at in a terminal.
void run_tail(std::string_view input) {
  for (const std::size_t limit : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{200}}) {
    const std::string shown = runner::clean_tail(input, limit);
    require(shown.size() <= limit, "a tail is bounded");
    require(!has_control(shown), "a tail is UTF-8 without control characters");
  }
  runner::Tail tail(11);
  for (std::size_t at = 0; at < input.size(); at += 5) tail.add(input.substr(at, 5));
  require(tail.text() == input.substr(input.size() - std::min<std::size_t>(input.size(), 11)), "the end is kept");
}

// Follows a result as the runner does when it stores it.
class Followed final : public base::JsonHandler {
 public:
  base::JsonNext token(const base::JsonToken& token) override {
    path.follow(token);
    return base::JsonNext::kContinue;
  }
  runner::JsonPath path;
};

void run_result(std::string_view input) {
  const Fd fd(memfd_create("fuzz", MFD_CLOEXEC));
  require(base::write_full(fd.get(), input), "a file in memory can be written");
  Followed followed;
  const auto read = base::read_json(fd.get(), followed,
                                    {.limits = {.elements = base::JsonOptions::kNoLimit},
                                     .strict_keys = false,
                                     .skip_byte_order_mark = true,
                                     .lone_surrogates = true,
                                     .text_limit = 0});
  if (read) {
    require(followed.path.is_complete(), "what is taken is complete");
    return;
  }
  const std::string why = runner::explain_json_error(fd.get(), read.error(), followed.path);
  require(!why.empty() && why.size() < 600, "an explanation has words, and not too many");
  require(!has_control(why), "an explanation is UTF-8 without control characters");
}

void run_job_json(std::string_view input) {
  const vbrain::testing::TempDir work;
  const Fd fd(memfd_create("fuzz", MFD_CLOEXEC));
  require(base::write_full(fd.get(), input), "a file in memory can be written");
  const auto ids = runner::unfold_job_json(fd.get(), artifacts::Dir::open(work.path()));
  if (!ids) {
    require(!ids.error().empty() && !has_control(ids.error()), "a refusal has words");
    return;
  }
  for (const char* name : {"params.json", "metadata.json"}) {
    const auto object = nlohmann::json::parse(vbrain::testing::read_file(work / name), nullptr, false);
    require(object.is_object(), "params and metadata are objects");
  }
}

void run_log_names(std::string_view input) {
  const std::string path(input);
  if (!artifacts::is_utf8(path)) return;
  const std::string kept = runner::kept_log_path(path);
  require(kept.size() >= path.size() && kept.size() <= path.size() + 2, "a name is kept");
  for (const char* ours : {runner::kStdoutLog, runner::kStderrLog, runner::kLeftOutFile, runner::kOutputLeftOutFile}) {
    require(kept != ours && !kept.starts_with(std::string(ours) + "/"), "no log takes a name of the runner");
  }
  static_cast<void>(runner::log_name_problem(path));
}

}  // namespace

std::vector<Target> runner_targets() {
  return {
      {"tail",
       run_tail,
       {"\x1B[1;31mError\x1B[0m: \x1B[38;5;4mx\x1B[K\n", "\x1B]0;title\x07text \x1B]8;;http://x\x1B\\link\n",
        " 10%|#    |\r 50%|###  |\r100%|#####|\nValueError: x\n", "caf\xE9 \xC3\xA9\nbo\bolb\bd\n"},
       {"\x1B[", "\x1B]", "\x1B\\", "\x07", "\r", "\n", "\b", "\xC2\x9B", "\xE2\x80\xA8", "\xED\xA0\x80", "|", " "}},
      {"result",
       run_result,
       {R"({"rows":[0,1],"score": NaN})", "[[1, -Infinity]]", R"({"ok": True})", "[1, 2,\n]", "[\"caf\xE9\"]",
        R"({"a":{"b/c~d \"e":None}})", "\xEF\xBB\xBF{}"},
       {"NaN", "inf", "True", "None", "'", "//", "\xFF\xFE", "\xEF\xBB\xBF", "{\"k\":", "[", "]", "}", ",", "\\x",
        "\\ud800", "1e999", "007"}},
      {"job-json",
       run_job_json,
       {R"({"format":1,"params":{"a": 1.10},"metadata":{"n":123},"job_id":"j","repository_id":"r","traceparent":"00-x","resultSchema":{"type":"object"}})",
        R"({ "metadata" : {} , "x":{"params":{"no":1}}, "params"  : {"yes":[]}, "format" : 1 })"},
       {"\"format\":1", "\"params\":{", "\"metadata\":", "\"resultSchema\":{}", "null", "{", "}", ",", "\\u0061"}},
      {"log-names",
       run_log_names,
       {"stdout.log", "a/stdout.log.1", "left-out-by-runner.txt/x"},
       {".1", "/", "stderr.log"}},
  };
}

}  // namespace vbrain::fuzz
