#include "api-server/live/log_wish.hpp"

#include <algorithm>
#include <string>

#include "api-server/routes/router.hpp"
#include "artifacts/archive/archive_reader.hpp"

namespace vbrain::api {

Result<LogWish, Refusal> wished_logs(std::string_view query) {
  const auto follow = query_parameter(query, "follow");
  if (!follow) return Unexpected<Refusal>(follow.error());
  const auto stream = query_parameter(query, "stream");
  if (!stream) return Unexpected<Refusal>(stream.error());
  const auto tail = query_parameter(query, "tail");
  if (!tail) return Unexpected<Refusal>(tail.error());
  const auto file = query_parameter(query, "file");
  if (!file) return Unexpected<Refusal>(file.error());
  LogWish wish;
  const std::string following = follow->value_or("true");
  if (following != "true" && following != "false") return refuse(Problem::kInvalid, "follow", "true or false");
  wish.follow = following == "true";
  const std::string which = stream->value_or("stdout");
  if (which != "stdout" && which != "stderr" && which != "both") {
    return refuse(Problem::kInvalid, "stream", "stdout, stderr or both");
  }
  wish.out = which != "stderr";
  wish.err = which != "stdout";
  if (*file) {
    if (*stream) return refuse(Problem::kInvalid, "file", "a file is no stream; leave out one of the parameters");
    const std::string_view problem = artifacts::check_entry_name(**file);
    if (!problem.empty()) return refuse(Problem::kInvalid, "file", std::string(problem));
    wish.file = **file;
  }
  if (*tail) {
    const std::string& text = **tail;
    const bool digits =
        !text.empty() && text.size() <= 7 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    wish.tail = digits ? std::stoull(text) : kMostLines + 1;
    if (*wish.tail > kMostLines) {
      return refuse(Problem::kInvalid, "tail", "a whole number of lines from 0 to " + std::to_string(kMostLines));
    }
  }
  return wish;
}

}  // namespace vbrain::api
