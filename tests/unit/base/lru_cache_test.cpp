#include "base/lru_cache.hpp"

#include <gtest/gtest.h>

namespace vbrain::base {
namespace {

std::shared_ptr<const int> value(int number) {
  return std::make_shared<const int>(number);
}

TEST(LruCache, DropsWhatWasUsedLongestAgo) {
  LruCache<int> cache(100);
  for (int i = 0; i < 4; ++i) cache.put(std::to_string(i), value(i), 25);
  ASSERT_NE(cache.find("0"), nullptr);
  cache.put("4", value(4), 25);
  EXPECT_EQ(cache.find("1"), nullptr);
  EXPECT_EQ(*cache.find("0"), 0);
  EXPECT_EQ(*cache.find("4"), 4);
}

TEST(LruCache, AValueReplacesTheOneOfItsKey) {
  LruCache<int> cache(100);
  for (int i = 0; i < 50; ++i) cache.put("a", value(i), 20);
  cache.put("b", value(7), 20);
  EXPECT_EQ(*cache.find("a"), 49);
  EXPECT_EQ(*cache.find("b"), 7);
}

TEST(LruCache, TakesNoValueThatDisplacesMostOthers) {
  LruCache<int> cache(100);
  cache.put("a", value(1), 20);
  cache.put("large", value(2), 26);
  EXPECT_EQ(cache.find("large"), nullptr);
  EXPECT_NE(cache.find("a"), nullptr);
  cache.put("a", value(3), 26);
  EXPECT_EQ(cache.find("a"), nullptr) << "the old value is not the one of this key any more";
}

TEST(LruCache, ErasesOnlyTheValueThatWasSeen) {
  LruCache<int> cache(100);
  const auto old = value(1);
  cache.put("a", old, 10);
  cache.put("a", value(2), 10);
  cache.erase("a", old);
  ASSERT_NE(cache.find("a"), nullptr);
  cache.erase("a", cache.find("a"));
  EXPECT_EQ(cache.find("a"), nullptr);
}

}  // namespace
}  // namespace vbrain::base
