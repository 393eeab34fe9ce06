// The names and files that say what is known of an upload.
#include <gtest/gtest.h>

#include "artifacts/uploads/upload_record.hpp"
#include "artifacts/uploads/upload_state.hpp"

namespace vbrain::artifacts {
namespace {

using Kind = UploadState::Kind;

TEST(UploadState, SurvivesItsName) {
  const struct {
    UploadState state;
    std::string name;
  } table[] = {
      {{.offset = 0, .data = "a1"}, "state.0.a1.idle"},
      {{.offset = 18446744073709551615U, .data = "b"}, "state.18446744073709551615.b.idle"},
      {{.offset = 7, .data = "b", .kind = Kind::kWriting, .by = "c2"}, "state.7.b.writing.c2"},
      {{.offset = 7, .data = "b", .kind = Kind::kUsing, .by = "0193-d"}, "state.7.b.using.0193-d"},
      {{.offset = 7, .data = "b", .kind = Kind::kEnded}, "state.7.b.ended"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(to_name(row.state), row.name);
    EXPECT_EQ(parse_upload_state(row.name), row.state) << row.name;
  }
}

TEST(UploadState, OtherNamesAreNone) {
  for (const std::string name : {"",
                                 "state",
                                 "state.",
                                 "upload.json",
                                 "data-a",
                                 "state.0.a.Idle",
                                 "state.0.a.idle.",
                                 "state.0.a.idle.b",
                                 "state.00.a.idle",
                                 "state.-1.a.idle",
                                 "state.1x.a.idle",
                                 "state.18446744073709551616.a.idle",
                                 "state.0..idle",
                                 "state.0.A.idle",
                                 "state.0.a/b.idle",
                                 "state.0.a.writing",
                                 "state.0.a.writing.",
                                 "state.0.a.writing.b.c",
                                 "state.0.a.using.\n",
                                 " state.0.a.idle"}) {
    EXPECT_FALSE(parse_upload_state(name)) << name;
  }
}

TEST(UploadRecord, SurvivesItsText) {
  const UploadRecord record{.bytes = 5'368'709'120,
                            .name = "d\xc3\xa9.zip",
                            .metadata = "filename ZMOpLnppcA==,x",
                            .created_by = "ana",
                            .created_on = base::TimePoint(std::chrono::milliseconds(1'600'000'000'123)),
                            .expiry = std::chrono::hours(24)};
  EXPECT_EQ(decode_upload_record(encode(record)).value(), record);
}

TEST(UploadRecord, RefusesWhatNoServerWrites) {
  const std::string good = encode(UploadRecord{.bytes = 1, .name = "a.zip", .expiry = std::chrono::seconds(1)});
  ASSERT_TRUE(decode_upload_record(good));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& text :
       {std::string(), std::string("[]"), good.substr(0, 20), with("\"format\":1", "\"format\":2"),
        with("\"bytes\":1", "\"bytes\":-1"), with("\"bytes\":1", "\"bytes\":\"1\""),
        with("\"expirySeconds\":1", "\"expirySeconds\":0"), with("a.zip", std::string(256, 'a'))}) {
    EXPECT_FALSE(decode_upload_record(text)) << text;
  }
}

TEST(UploadParts, SurviveTheirText) {
  const std::vector<UploadPart> parts{{"a1", 5}, {"b2", 0}, {"c3", 1ULL << 40}};
  EXPECT_EQ(decode_upload_parts(encode(parts)).value(), parts);
  EXPECT_EQ(decode_upload_parts(encode(std::vector<UploadPart>{})).value(), std::vector<UploadPart>{});
  for (const std::string text :
       {"", "{}", R"({"format":1})", R"({"format":1,"parts":[1]})", R"({"format":1,"parts":[{"data":"../x"}]})",
        R"({"format":1,"parts":[{"data":"","bytes":1}]})", R"({"format":1,"parts":[{"data":"a","bytes":-1}]})"}) {
    EXPECT_FALSE(decode_upload_parts(text)) << text;
  }
}

}  // namespace
}  // namespace vbrain::artifacts
