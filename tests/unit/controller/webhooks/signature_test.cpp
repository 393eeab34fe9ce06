#include "controller/webhooks/signature.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vbrain::controller {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

// The example of the specification.
TEST(Signature, IsThatOfStandardWebhooks) {
  const auto keys = read_secrets(kSecret);
  ASSERT_TRUE(keys) << keys.error();
  EXPECT_EQ(sign(*keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Signature, OfEachSecretWhileOneIsReplaced) {
  const auto keys = read_secrets(std::string("\n") + kSecret + "\r\n  whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A=\n");
  ASSERT_TRUE(keys) << keys.error();
  ASSERT_EQ(keys->size(), 2u);
  const std::string both = sign(*keys, "a", "1", "");
  EXPECT_EQ(both, sign({keys->front()}, "a", "1", "") + " " + sign({keys->back()}, "a", "1", ""));
  EXPECT_EQ(sign({keys->back()}, "a", "1", ""), "v1,tW09x8vgPU0/mKe3oi8WQG9gFvSJupvvip/CXYYabi8=");
}

TEST(Signature, ASecretOfAnotherFormIsNone) {
  const std::string of_65_bytes = "whsec_" + std::string(87, 'A');
  for (const std::string& text :
       {std::string(), std::string(" \n"), std::string("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), std::string("whsec_"),
        std::string("whsec_c2hvcnQ="), std::string("whsec_!!!"), of_65_bytes, std::string(kSecret) + " x"}) {
    const auto keys = read_secrets(text);
    ASSERT_FALSE(keys) << text;
    if (text.size() > 10) {
      EXPECT_THAT(keys.error(), Not(HasSubstr(text.substr(6)))) << "it is a secret";
    }
  }
}

}  // namespace
}  // namespace vbrain::controller
