#include "api-server/lists/id_list.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace vbrain::api {
namespace {

using Ids = std::vector<std::string>;

std::shared_ptr<void> free_of_charge(std::size_t) {
  return nullptr;
}

std::shared_ptr<const IdList> list_of(const Ids& ids) {
  return IdList().changed({}, ids, free_of_charge);
}

std::string json_of(const std::shared_ptr<const IdList>& list) {
  std::string text;
  for (const std::string_view piece : pieces_of(*list)) text.append(piece);
  return text;
}

std::string json_of(const std::set<std::string>& ids) {
  std::string json = "[";
  for (const std::string& id : ids) json.append(json.size() == 1 ? "" : ",").append("\"" + id + "\"");
  return json + "]";
}

TEST(IdList, ChangesByWhatGoesAndComes) {
  const struct {
    Ids before, gone, come;
    const char* want;
  } cases[] = {
      {{}, {}, {}, "[]"},
      {{}, {}, {"a"}, R"(["a"])"},
      {{"b"}, {}, {"a", "c"}, R"(["a","b","c"])"},
      {{"a", "b", "c"}, {"b"}, {}, R"(["a","c"])"},
      {{"a", "b", "c"}, {"a", "c"}, {"d"}, R"(["b","d"])"},
      {{"a", "b"}, {"a", "b"}, {}, "[]"},
      {{"a", "bb", "ccc"}, {"bb"}, {"b"}, R"(["a","b","ccc"])"},
      {{"a"}, {"a"}, {"0", "b"}, R"(["0","b"])"},
  };
  for (const auto& c : cases) {
    const auto list = list_of(c.before)->changed(c.gone, c.come, free_of_charge);
    EXPECT_EQ(json_of(list), c.want);
    EXPECT_EQ(list->tag(), list_of([&] {
                             Ids ids;
                             for (std::size_t i = 0; i < list->size(); ++i) ids.emplace_back(list->at(i));
                             return ids;
                           }())
                               ->tag())
        << "the same ids have the same tag, whatever was before";
  }
}

TEST(IdList, AgreesWithASetThroughManyChanges) {
  std::mt19937 random(20261128);
  std::set<std::string> model;
  auto list = std::make_shared<const IdList>();
  const auto name = [&] { return std::to_string(random() % 20'000); };
  for (int round = 0; round < 60; ++round) {
    std::set<std::string> gone, come;
    for (unsigned i = random() % 900; i > 0; --i) {
      const std::string id = name();
      (model.contains(id) ? gone : come).insert(id);
    }
    if (round % 20 == 19) gone = model;  // all
    for (const std::string& id : gone) model.erase(id);
    model.insert(come.begin(), come.end());
    list = list->changed({gone.begin(), gone.end()}, {come.begin(), come.end()}, free_of_charge);
    ASSERT_EQ(list->size(), model.size());
    ASSERT_EQ(json_of(list), json_of(model)) << round;
    for (const auto& chunk : list->chunks()) {
      ASSERT_GT(chunk->size(), 0U);
      ASSERT_LE(chunk->size(), 2 * IdList::kIdsInChunk);
    }
    std::size_t place = 0;
    for (const std::string& id : model) {
      ASSERT_EQ(list->place_of(id), place);
      ASSERT_EQ(list->at(place), id);
      ASSERT_EQ(list->place_of(list->spot_of(place), id), place);
      ASSERT_EQ(list->place_of(list->spot_of(place), "x"), list->size());
      ++place;
    }
    ASSERT_FALSE(list->contains("x"));
    ASSERT_FALSE(list->contains(""));
  }
}

TEST(IdList, AChangeMakesFewChunks) {
  Ids ids;
  for (int i = 100'000; i < 200'000; ++i) ids.push_back("01939c3e-7a61-7c0e-9f7e-000000" + std::to_string(i));
  std::size_t made = 0;
  const auto count = [&](std::size_t bytes) -> std::shared_ptr<void> {
    made += bytes;
    return nullptr;
  };
  auto list = IdList().changed({}, ids, count);
  EXPECT_GT(made, 3'900'000U);
  const std::string tag = list->tag();
  made = 0;
  list = list->changed({}, {"01939c3e-7a61-7c0e-9f7e-000000200000"}, count);
  list = list->changed({ids[50'000]}, {}, count);
  EXPECT_GT(made, 0U);
  EXPECT_LT(made, 150'000U) << "two chunks";
  EXPECT_EQ(list->size(), 100'000U);
  EXPECT_NE(list->tag(), tag);
}

TEST(IdList, FiltersAndSharesWholeChunks) {
  Ids ids;
  for (int i = 10'000; i < 20'000; ++i) ids.push_back(std::to_string(i));
  const auto list = list_of(ids);
  std::size_t made = 0;
  const auto count = [&](std::size_t bytes) -> std::shared_ptr<void> {
    made += bytes;
    return nullptr;
  };
  const auto some = list->filtered([](std::string_view id) { return id >= "12000" && id < "18000"; }, count);
  EXPECT_EQ(some->size(), 6'000U);
  EXPECT_EQ(some->at(0), "12000");
  EXPECT_LT(made, 50'000U) << "the two chunks at the ends";
  EXPECT_EQ(json_of(list->filtered([](std::string_view) { return false; }, count)), "[]");
}

}  // namespace
}  // namespace vbrain::api
