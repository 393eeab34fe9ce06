// The text of logs from the files of attempts.
#include "api-server/live/log_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace vbrain::api {
namespace {

using Then = LogText::Then;

constexpr auto kOut = LogStream::kStdout;
constexpr auto kErr = LogStream::kStderr;

class FakeFiles final : public LogFiles {
 public:
  std::uint64_t size(int attempt, LogStream which) override { return text[{attempt, which}].size(); }
  std::string read(int attempt, LogStream which, std::uint64_t from, std::size_t most) override {
    read_bytes += most;
    const std::string& all = text[{attempt, which}];
    return from >= all.size() ? "" : all.substr(static_cast<std::size_t>(from), most);
  }
  LogsSeen seen(bool ended = false) {
    LogsSeen now{.ended = ended};
    for (const auto& [key, value] : text) {
      if (now.attempts.empty() || now.attempts.back() != key.first) now.attempts.push_back(key.first);
    }
    if (!now.attempts.empty()) now.sizes = {size(now.attempts.back(), kOut), size(now.attempts.back(), kErr)};
    return now;
  }

  std::map<std::pair<int, LogStream>, std::string> text;
  std::uint64_t read_bytes = 0;
};

// What comes until the text waits or ends; `then` says which.
std::string all(LogText& text, const LogsSeen& seen, FakeFiles& files, Then* then = nullptr) {
  std::string whole;
  for (;;) {
    auto piece = text.next(seen, files);
    EXPECT_LE(piece.text.size(), LogText::kPiece + 64);
    whole += piece.text;
    if (then != nullptr) *then = piece.then;
    if (piece.then != Then::kMore) return whole;
  }
}

std::string read_now(FakeFiles& files, LogWish wish, bool ended = true) {
  wish.follow = false;
  LogText text(wish);
  Then then{};
  std::string whole = all(text, files.seen(ended), files, &then);
  EXPECT_EQ(then, Then::kEnd);
  return whole;
}

TEST(LogText, IsTheSameWhileItGrowsAndAfterwards) {
  FakeFiles files;
  LogText text({});
  EXPECT_TRUE(text.waits(files.seen()));
  EXPECT_EQ(all(text, files.seen(), files), "");
  std::string live;
  Then then{};
  const auto grow = [&](int attempt, const std::string& more, bool ended = false) {
    files.text[{attempt, kOut}] += more;
    const LogsSeen seen = files.seen(ended);
    EXPECT_EQ(text.waits(seen), more.empty() && !ended);
    live += all(text, seen, files, &then);
    EXPECT_EQ(then, ended ? Then::kEnd : Then::kWait);
    EXPECT_EQ(text.waits(files.seen(ended)), !ended);
  };
  grow(1, "one\ntw");
  grow(1, "o\n" + std::string(100'000, 'x'));
  // The rest of an attempt comes with the next one.
  files.text[{1, kOut}] += "last";
  grow(2, "again\n");
  files.text[{3, kOut}];
  grow(4, "end");
  grow(4, "", true);
  EXPECT_EQ(live, "one\ntwo\n" + std::string(100'000, 'x') +
                      "last\n==> attempt 2 <==\nagain\n==> attempt 3 <==\n==> attempt 4 <==\nend");
  EXPECT_EQ(read_now(files, {}), live);
  EXPECT_EQ(read_now(files, {}, false), live);
}

TEST(LogText, OfBothComeWholeLinesWhileTheyGrowAndOneAfterTheOtherAtTheEnd) {
  FakeFiles files;
  const LogWish both{.out = true, .err = true};
  LogText text(both);
  files.text[{1, kOut}] = "out 1\nout";
  files.text[{1, kErr}] = "err 1\ner";
  EXPECT_EQ(all(text, files.seen(), files), "out 1\nerr 1\n");
  files.text[{1, kErr}] += "r 2\n";
  EXPECT_EQ(all(text, files.seen(), files), "err 2\n");
  EXPECT_EQ(all(text, files.seen(true), files), "out");
  EXPECT_EQ(read_now(files, both), "out 1\nout\nerr 1\nerr 2\n");
  EXPECT_EQ(read_now(files, {.out = false, .err = true}), "err 1\nerr 2\n");
  // A line that is longer than a piece does not stop the stream.
  files.text[{2, kOut}] = std::string(40'000, 'y');
  EXPECT_THAT(all(text, files.seen(), files), ::testing::HasSubstr(std::string(16'000, 'y')));
}

TEST(LogText, BeginsWithTheLastLinesAndReadsNoMoreThanThem) {
  FakeFiles files;
  files.text[{1, kOut}] = "first attempt\n";
  std::string& log = files.text[{2, kOut}];
  for (int i = 0; i < 200'000; ++i) log += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(read_now(files, {.tail = 2}), "line 199998\nline 199999\n");
  EXPECT_LE(files.read_bytes, 200'000u);
  EXPECT_EQ(read_now(files, {.tail = 0}), "");
  log += "open";
  EXPECT_EQ(read_now(files, {.tail = 2}), "line 199999\nopen");
  EXPECT_EQ(read_now(files, {.tail = 1}), "open");
  log = "\n\n";
  EXPECT_EQ(read_now(files, {.tail = 1}), "\n");
  EXPECT_EQ(read_now(files, {.tail = 9}), "\n\n");
  log = "";
  EXPECT_EQ(read_now(files, {.tail = 9}), "");
  log = std::string(LogText::kMostTail + 100'000, 'z');
  EXPECT_LE(read_now(files, {.tail = 1}).size(), LogText::kMostTail + 64 * 1024);
  LogText followed({.tail = 0});
  EXPECT_EQ(all(followed, files.seen(), files), "");
  log += "more";
  EXPECT_EQ(all(followed, files.seen(), files), "more");
}

TEST(LogText, SaysWhenTheLastLinesAreFarAway) {
  FakeFiles files;
  files.text[{1, kOut}] = std::string(2 * LogText::kNearTail, 'x') + "\n" + std::string(1'000, 'y') + "\nend\n";
  LogText near({.tail = 2});
  EXPECT_EQ(near.next(files.seen(), files, LogText::Reach::kNear).text, std::string(1'000, 'y') + "\nend\n");
  files.read_bytes = 0;
  LogText far({.tail = 3});
  const auto piece = far.next(files.seen(), files, LogText::Reach::kNear);
  EXPECT_EQ(piece.then, Then::kFar);
  EXPECT_EQ(piece.text, "");
  EXPECT_LE(files.read_bytes, LogText::kNearTail + 64 * 1024);
  EXPECT_EQ(far.next(files.seen(), files, LogText::Reach::kAll).text, std::string(LogText::kPiece, 'x'));
}

// Beyond the limit of a log the runner replaces its end.
TEST(LogText, NoticesThatTheFileWasWrittenAnew) {
  for (const std::string& now :
       {std::string("head [12 bytes are left out here] end"), std::string("short"), std::string()}) {
    FakeFiles files;
    files.text[{1, kOut}] = "head and more";
    LogText text({});
    EXPECT_EQ(all(text, files.seen(), files), "head and more");
    files.text[{1, kOut}] = now;
    EXPECT_EQ(text.next(files.seen(), files).then, Then::kBroken) << now;
  }
}

TEST(LogText, WithoutFollowingEndsWhereTheLogEndedAtTheBeginning) {
  FakeFiles files;
  files.text[{1, kOut}] = "now";
  LogText text({.follow = false});
  const LogsSeen seen = files.seen();
  files.text[{1, kOut}] += " and later";
  files.text[{2, kOut}] = "x";
  EXPECT_EQ(all(text, seen, files), "now");
  FakeFiles none;
  EXPECT_EQ(read_now(none, {}), "");
}

}  // namespace
}  // namespace vbrain::api
