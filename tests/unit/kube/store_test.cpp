#include "kube/cache/cache.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/kube/things.hpp"

namespace vbrain::kube {
namespace {

using ::testing::UnorderedElementsAre;

std::shared_ptr<const Thing> thing(const std::string& name, const std::string& value) {
  Thing made;
  made.meta.name = name;
  made.value = value;
  return std::make_shared<const Thing>(std::move(made));
}

std::vector<std::string> names_of(const std::vector<std::shared_ptr<const Thing>>& things) {
  std::vector<std::string> names;
  for (const auto& one : things) names.push_back(one->meta.name);
  return names;
}

TEST(Cache, PutsReplacesAndErases) {
  Cache<Thing> store;
  EXPECT_EQ(store.get("a"), nullptr);
  EXPECT_EQ(store.put("a", thing("a", "1")), nullptr);
  EXPECT_EQ(store.put("a", thing("a", "2"))->value, "1");
  EXPECT_EQ(store.get("a")->value, "2");
  EXPECT_EQ(store.size(), 1u);
  EXPECT_EQ(store.erase("a")->value, "2");
  EXPECT_EQ(store.erase("a"), nullptr);
  EXPECT_EQ(store.size(), 0u);
}

TEST(Cache, AReaderKeepsWhatItGot) {
  Cache<Thing> store;
  store.put("a", thing("a", "1"));
  const auto kept = store.get("a");
  store.put("a", thing("a", "2"));
  store.erase("a");
  EXPECT_EQ(kept->value, "1");
}

TEST(Cache, FindsByIndex) {
  Cache<Thing> store;
  store.add_index("letters", [](const Thing& one) {
    std::vector<std::string> letters;
    for (const char c : one.value) letters.emplace_back(1, c);
    return letters;
  });
  store.put("a", thing("a", "xy"));
  store.put("b", thing("b", "y"));
  store.put("c", thing("c", ""));
  EXPECT_THAT(names_of(store.by_index("letters", "y")), UnorderedElementsAre("a", "b"));
  EXPECT_THAT(names_of(store.by_index("letters", "x")), UnorderedElementsAre("a"));
  EXPECT_TRUE(store.by_index("letters", "z").empty());
  store.put("a", thing("a", "z"));
  EXPECT_THAT(names_of(store.by_index("letters", "y")), UnorderedElementsAre("b"));
  EXPECT_EQ(store.by_index("letters", "z").size(), 1u);
  EXPECT_EQ(store.by_index("letters", "z").front()->value, "z");
  store.erase("a");
  EXPECT_TRUE(store.by_index("letters", "z").empty());
  EXPECT_THROW((void)store.by_index("unknown", "z"), std::out_of_range);
}

TEST(Cache, PackedObjectsAreLikeAllOthers) {
  Cache<Thing> store;
  int unpacked = 0;
  store.set_packing({.is_wanted = [](const Thing& one) { return one.value.starts_with("old"); },
                     .pack = [](const Thing& one) { return one.meta.name + "/" + one.value; },
                     .unpack =
                         [&](std::string_view text) {
                           ++unpacked;
                           const auto end = text.find('/');
                           return *thing(std::string(text.substr(0, end)), std::string(text.substr(end + 1)));
                         }});
  store.add_index("value", [](const Thing& one) { return std::vector{one.value}; });
  store.put("a", thing("a", "new"));
  store.put("b", thing("b", "old 1"));
  EXPECT_EQ(store.put("a", thing("a", "old 1"))->value, "new");
  store.put("c", thing("c", "new"));
  EXPECT_EQ(unpacked, 0);
  EXPECT_EQ(store.get("a")->value, "old 1");
  EXPECT_EQ(unpacked, 1);
  EXPECT_THAT(names_of(store.by_index("value", "old 1")), ::testing::ElementsAre("a", "b"));
  unpacked = 0;
  EXPECT_THAT(store.names_by_index("value", "old 1"), ::testing::ElementsAre("a", "b"));
  EXPECT_THAT(names_of(store.list_unpacked()), ::testing::ElementsAre("c"));
  EXPECT_THAT(store.names(), UnorderedElementsAre("a", "b", "c"));
  EXPECT_EQ(unpacked, 0);
  EXPECT_THAT(names_of(store.list()), UnorderedElementsAre("a", "b", "c"));
  EXPECT_EQ(store.put("b", thing("b", "new"))->value, "old 1");
  EXPECT_THAT(names_of(store.by_index("value", "old 1")), ::testing::ElementsAre("a"));
  EXPECT_THAT(names_of(store.list_unpacked()), UnorderedElementsAre("b", "c"));
  EXPECT_EQ(store.erase("a")->value, "old 1");
  EXPECT_TRUE(store.by_index("value", "old 1").empty());
  EXPECT_EQ(store.get("a"), nullptr);
}

}  // namespace
}  // namespace vbrain::kube
