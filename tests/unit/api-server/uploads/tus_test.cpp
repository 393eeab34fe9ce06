// What requests of tus say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api-server/uploads/body_checksum.hpp"
#include "api-server/uploads/tus.hpp"

namespace vbrain::api {
namespace {

using ::testing::HasSubstr;
using Fields = std::vector<http::HeaderField>;

TEST(Tus, KnowsItsPaths) {
  EXPECT_TRUE(is_upload_path("/api/v1/uploads"));
  EXPECT_TRUE(is_upload_path("/api/v1/uploads/x"));
  EXPECT_FALSE(is_upload_path("/api/v1/uploadsx"));
  EXPECT_FALSE(is_upload_path("/api/v1/job"));
}

TEST(Tus, AnotherMethodCanBeNamedBelowItsPath) {
  http::RequestHead head;
  head.method = http::Method::kPost;
  head.fields = {{"x-http-method-override", "PATCH"}};
  head.path = "/api/v1/uploads/x";
  EXPECT_EQ(method_of(head), http::Method::kPatch);
  head.path = "/api/v1/job";
  EXPECT_EQ(method_of(head), http::Method::kPost);
  head.path = "/api/v1/uploads/x";
  head.fields = {};
  EXPECT_EQ(method_of(head), http::Method::kPost);
}

TEST(Tus, TakesItsVersionOnly) {
  EXPECT_FALSE(check_tus_version({{"tus-resumable", "1.0.0"}}));
  for (const Fields& fields : {Fields{}, Fields{{"Tus-Resumable", "0.2.2"}}, Fields{{"Tus-Resumable", ""}}}) {
    const auto refused = check_tus_version(fields);
    ASSERT_TRUE(refused);
    EXPECT_EQ(status_of(refused->problem), 412);
    EXPECT_THAT(refused->detail, HasSubstr("1.0.0"));
  }
}

TEST(Tus, NumbersAreDecimal) {
  EXPECT_EQ(read_number({{"upload-offset", "0"}}, "Upload-Offset").value(), 0u);
  EXPECT_EQ(read_number({{"Upload-Offset", "999999999999999999"}}, "Upload-Offset").value(), 999999999999999999u);
  EXPECT_EQ(message_of(read_number({}, "Upload-Offset").error()), "Missing Upload-Offset");
  for (const std::string_view text : {"", "-1", "+1", "1.0", "0x1", "1 ", "1e3", "1000000000000000000"}) {
    EXPECT_EQ(message_of(read_number({{"Upload-Offset", text}}, "Upload-Offset").error()), "Invalid Upload-Offset")
        << text;
  }
  EXPECT_FALSE(read_number({{"Upload-Offset", "1"}, {"Upload-Offset", "1"}}, "Upload-Offset"));
}

TEST(Tus, MetadataAreKeysWithBase64) {
  const auto pairs = parse_upload_metadata("filename d29ybGQ=, is_confidential,empty ,x YQ");
  ASSERT_TRUE(pairs);
  ASSERT_EQ(pairs->size(), 4u);
  EXPECT_EQ((*pairs)[0].key, "filename");
  EXPECT_EQ((*pairs)[0].value, "world");
  EXPECT_EQ((*pairs)[1].key, "is_confidential");
  EXPECT_EQ((*pairs)[1].value, "");
  EXPECT_EQ((*pairs)[3].value, "a");
  EXPECT_TRUE(parse_upload_metadata("")->empty());
  for (const std::string_view text : {",", "a YQ==,", "a YQ==,a YQ==", "a YQ==x", "a Y", "a Y=", "a YQ=", "a =",
                                      "a YQ===", "a Y!==", "a YQ== x", "\xc3\xa9 YQ==", "a Y Q=="}) {
    EXPECT_FALSE(parse_upload_metadata(text)) << text;
  }
}

TEST(Tus, AnUploadHasALengthAndAName) {
  const Limits limits{.max_upload_bytes = 1'000};
  const auto named = [&](std::string_view metadata) {
    return read_new_upload(limits, {{"Upload-Length", "10"}, {"Upload-Metadata", metadata}});
  };
  EXPECT_EQ(read_new_upload(limits, {{"Upload-Length", "1000"}})->bytes, 1'000u);
  EXPECT_EQ(read_new_upload(limits, {{"Upload-Length", "0"}})->name, "input.zip");
  EXPECT_EQ(named("filename YS5jc3Y=")->name, "a.csv");
  EXPECT_EQ(named("name YS5jc3Y=")->name, "a.csv");
  EXPECT_EQ(named("name eA==,filename YS5jc3Y=")->name, "a.csv");
  EXPECT_EQ(named("filename YS5jc3Y=")->metadata, "filename YS5jc3Y=");
  const struct {
    Fields fields;
    std::string message;
    std::string detail;
  } table[] = {
      {{}, "Missing Upload-Length", ""},
      {{{"Upload-Length", "1001"}},
       "Payload too large",
       "an upload has at most 1000 bytes; the operator's setting is max-upload-bytes"},
      {{{"Upload-Defer-Length", "1"}}, "Invalid Upload-Defer-Length", "send Upload-Length"},
      {{{"Upload-Length", "1"}, {"Upload-Concat", "partial"}}, "Invalid Upload-Concat", "without parallel parts"},
      {{{"Upload-Length", "1"}, {"Upload-Metadata", "filename eA=="}},
       "Invalid Upload-Metadata",
       "put other files into a ZIP"},
      // "../a.zip"
      {{{"Upload-Length", "1"}, {"Upload-Metadata", "filename Li4vYS56aXA="}},
       "Invalid Upload-Metadata",
       "rename the file"},
      {{{"Upload-Length", "1"}, {"Upload-Metadata", "filename !"}}, "Invalid Upload-Metadata", "base64"},
  };
  for (const auto& row : table) {
    const auto read = read_new_upload(limits, row.fields);
    ASSERT_FALSE(read) << row.message;
    EXPECT_EQ(message_of(read.error()), row.message);
    EXPECT_THAT(read.error().detail, HasSubstr(row.detail));
  }
}

TEST(Tus, ChecksumsFitTheirBytes) {
  EXPECT_FALSE(read_checksum({}).value());
  const auto fits = [](std::string_view header, std::string_view bytes) {
    BodyChecksum checksum(read_checksum({{"Upload-Checksum", header}}).value().value());
    checksum.update(bytes.substr(0, 3));
    checksum.update(bytes.substr(3));
    return checksum.fits();
  };
  EXPECT_TRUE(fits("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "hello world"));
  EXPECT_TRUE(fits("SHA256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=", "hello world"));
  EXPECT_FALSE(fits("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "hello worle"));
  for (const std::string_view text :
       {"", "sha1", "sha1 ", "md5 XrY7u+Ae7tCTyyK7j1rNww==", "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "sha1 !",
        "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0= x"}) {
    EXPECT_EQ(message_of(read_checksum({{"Upload-Checksum", text}}).error()), "Invalid Upload-Checksum") << text;
  }
}

}  // namespace
}  // namespace vbrain::api
