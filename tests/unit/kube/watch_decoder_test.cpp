#include "kube/cache/watch_decoder.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vbrain::kube {
namespace {

struct Seen {
  EventType type;
  std::string object;
  ErrorCode code;
  bool operator==(const Seen&) const = default;
};

class Recorder {
 public:
  WatchDecoder::EventSink sink() {
    return [this](const WatchEvent& event) {
      seen.push_back({event.type, std::string(event.object), event.error.code});
      return true;
    };
  }
  std::vector<Seen> seen;
};

Seen object(EventType type, std::string text) {
  return {type, std::move(text), ErrorCode::kInternal};
}

const std::string kStream =
    "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"managedFields\":[{}]}}}\n"
    "{\"type\":\"MODIFIED\",\"object\":{\"x\":\"\xC3\xA9\\n}\"}}\r\n"
    "\n"
    "{\"type\":\"DELETED\",\"object\":{\"y\":2}}\n"
    "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\"}}}\n";

const std::vector<Seen> kWant{
    object(EventType::kAdded, R"({"metadata":{"name":"a","managedFields":[{}]}})"),
    object(EventType::kModified, "{\"x\":\"\xC3\xA9\\n}\"}"),
    object(EventType::kDeleted, R"({"y":2})"),
    object(EventType::kBookmark, R"({"metadata":{"resourceVersion":"9"}})"),
};

TEST(WatchDecoder, GivesTheSameEventsHoweverTheBytesAreSplit) {
  for (std::size_t at = 0; at <= kStream.size(); ++at) {
    WatchDecoder decoder;
    Recorder recorder;
    EXPECT_TRUE(decoder.feed(std::string_view(kStream).substr(0, at), recorder.sink()));
    EXPECT_TRUE(decoder.feed(std::string_view(kStream).substr(at), recorder.sink()));
    EXPECT_EQ(recorder.seen, kWant) << "split at " << at;
  }
  WatchDecoder decoder;
  Recorder recorder;
  for (const char byte : kStream) EXPECT_TRUE(decoder.feed({&byte, 1}, recorder.sink()));
  EXPECT_EQ(recorder.seen, kWant);
}

TEST(WatchDecoder, HoldsHalfALineBack) {
  WatchDecoder decoder;
  Recorder recorder;
  ASSERT_TRUE(decoder.feed(R"({"type":"ADDED","object":{"x":1}})", recorder.sink()));
  EXPECT_TRUE(recorder.seen.empty());
  ASSERT_TRUE(decoder.feed("\n", recorder.sink()));
  EXPECT_EQ(recorder.seen.size(), 1u);
}

TEST(WatchDecoder, ReadsTheStatusOfAnErrorEvent) {
  const struct {
    const char* status;
    ErrorCode want;
  } cases[] = {
      {R"({"kind":"Status","code":410,"reason":"Expired","message":"too old resource version: 1 - 9"})",
       ErrorCode::kGone},
      {R"({"kind":"Status","code":410,"reason":"Gone"})", ErrorCode::kGone},
      {R"({"kind":"Status","code":500,"reason":"InternalError"})", ErrorCode::kInternal},
      {R"({"kind":"Status","code":429,"reason":"TooManyRequests"})", ErrorCode::kTooManyRequests},
      {R"({})", ErrorCode::kInternal},
  };
  for (const auto& c : cases) {
    WatchDecoder decoder;
    Recorder recorder;
    ASSERT_TRUE(decoder.feed(std::string(R"({"type":"ERROR","object":)") + c.status + "}\n", recorder.sink()));
    ASSERT_EQ(recorder.seen.size(), 1u);
    EXPECT_EQ(recorder.seen[0].type, EventType::kError);
    EXPECT_EQ(recorder.seen[0].code, c.want) << c.status;
  }
}

TEST(WatchDecoder, RefusesTextThatIsNotAWatch) {
  for (const char* line : {"nonsense", "{}", R"({"type":"NEW","object":{}})", R"({"type":"ADDED","object":[1]})"}) {
    WatchDecoder decoder;
    Recorder recorder;
    const auto result = decoder.feed(std::string(line) + "\n", recorder.sink());
    ASSERT_FALSE(result) << line;
    EXPECT_EQ(result.error().code, ErrorCode::kInternal);
    EXPECT_TRUE(recorder.seen.empty());
  }
}

TEST(WatchDecoder, RefusesALineAboveTheLimitWithoutKeepingIt) {
  WatchDecoder decoder(100);
  Recorder recorder;
  const auto fits = decoder.feed(std::string(100, ' '), recorder.sink());
  ASSERT_TRUE(fits);
  const auto result = decoder.feed(" ", recorder.sink());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kTooLarge);
}

TEST(WatchDecoder, StopsWhenToldSo) {
  WatchDecoder decoder;
  int seen = 0;
  const auto more = decoder.feed(kStream, [&](const WatchEvent&) { return ++seen < 2; });
  ASSERT_TRUE(more);
  EXPECT_FALSE(*more);
  EXPECT_EQ(seen, 2);
}

}  // namespace
}  // namespace vbrain::kube
