#include "kube/cache/watch_decoder.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "kube/api/json_cut.hpp"

namespace vbrain::kube {
namespace {

std::optional<EventType> type_of(std::string_view text) {
  if (text == "ADDED") return EventType::kAdded;
  if (text == "MODIFIED") return EventType::kModified;
  if (text == "DELETED") return EventType::kDeleted;
  if (text == "BOOKMARK") return EventType::kBookmark;
  if (text == "ERROR") return EventType::kError;
  return std::nullopt;
}

// An ERROR event carries a metav1.Status with the HTTP status in `code`.
Error error_of(std::string_view status) {
  const auto parsed = nlohmann::json::parse(status, nullptr, false);
  int code = 500;
  if (parsed.is_object()) {
    const auto found = parsed.find("code");
    if (found != parsed.end() && found->is_number_integer()) code = found->get<int>();
  }
  return error_from_response(code, status);
}

}  // namespace

WatchDecoder::WatchDecoder(std::size_t max_line) : max_line_(max_line) {}

KubeResult<bool> WatchDecoder::feed(std::string_view chunk, const EventSink& sink) {
  while (!chunk.empty()) {
    const std::size_t end = chunk.find('\n');
    const std::string_view piece = chunk.substr(0, end);
    if (partial_.size() + piece.size() > max_line_) {
      return tl::unexpected(Error{.code = ErrorCode::kTooLarge,
                                  .message = "a watch line of more than " + std::to_string(max_line_) + " bytes"});
    }
    if (end == std::string_view::npos) {
      partial_.append(piece);
      return true;
    }
    chunk.remove_prefix(end + 1);
    std::string whole;
    std::string_view line = piece;
    if (!partial_.empty()) {
      partial_.append(piece);
      whole = std::exchange(partial_, {});
      line = whole;
    }
    const auto more = take_line(line, sink);
    if (!more || !*more) return more;
  }
  return true;
}

KubeResult<bool> WatchDecoder::take_line(std::string_view line, const EventSink& sink) {
  if (line.find_first_not_of(" \r\t") == std::string_view::npos) return true;
  const auto text = cut_event(line);
  if (!text) return tl::unexpected(malformed_error(text.error()));
  const auto type = type_of(text->type);
  if (!type) return tl::unexpected(malformed_error("unknown type of watch event"));
  WatchEvent event{.type = *type, .object = text->object};
  if (*type == EventType::kError) event.error = error_of(text->object);
  return sink(event);
}

}  // namespace vbrain::kube
