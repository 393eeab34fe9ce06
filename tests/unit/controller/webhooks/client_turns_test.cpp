// Who is told next: receivers that hang hold up neither other tenants nor other receivers.
#include "controller/webhooks/client_turns.hpp"

#include <gtest/gtest.h>

namespace vbrain::controller {
namespace {

const Callee kA{"a", "one"};
const Callee kB{"b", "one"};

TEST(ClientTurns, GoRoundWithinATenant) {
  ClientTurns turns(2, 2);
  EXPECT_TRUE(turns.begin(kA, "1", true));
  EXPECT_TRUE(turns.begin(kA, "2", true));
  EXPECT_FALSE(turns.begin(kA, "3", true));
  EXPECT_FALSE(turns.begin(kA, "4", true));
  EXPECT_FALSE(turns.begin(kA, "4", true)) << "it waits once";
  EXPECT_TRUE(turns.begin(kB, "5", true)) << "another tenant does not wait";
  EXPECT_EQ(turns.end(kA), "3");
  EXPECT_TRUE(turns.begin(kA, "3", true));
  EXPECT_EQ(turns.pass("3"), std::nullopt) << "it used its turn";
  EXPECT_EQ(turns.end(kA), "4");
  // It was deleted meanwhile.
  EXPECT_EQ(turns.pass("4"), std::nullopt);
  EXPECT_EQ(turns.end(kA), std::nullopt);
}

TEST(ClientTurns, AJobThatIsGonePassesItsTurnOn) {
  ClientTurns turns(1, 1);
  EXPECT_TRUE(turns.begin(kA, "1", true));
  for (const char* job : {"2", "3", "4"}) EXPECT_FALSE(turns.begin(kA, job, true));
  EXPECT_EQ(turns.end(kA), "2");
  EXPECT_EQ(turns.pass("2"), "3");
  EXPECT_EQ(turns.pass("3"), "4");
  EXPECT_TRUE(turns.begin(kA, "4", true));
  EXPECT_EQ(turns.end(kA), std::nullopt);
}

TEST(ClientTurns, AReceiverThatHangsLeavesATurnToOthers) {
  ClientTurns turns(3, 2);
  const Callee hangs{"a", "hangs"};
  const Callee answers{"a", "answers"};
  EXPECT_TRUE(turns.begin(hangs, "h1", true));
  EXPECT_TRUE(turns.begin(hangs, "h2", true));
  for (const char* job : {"h3", "h4"}) EXPECT_FALSE(turns.begin(hangs, job, true));
  EXPECT_TRUE(turns.begin(answers, "a1", true));
  EXPECT_FALSE(turns.begin(answers, "a2", true)) << "all of the tenant's";
  EXPECT_EQ(turns.end(answers), "a2") << "and not one of the receiver that has its two";
  EXPECT_TRUE(turns.begin(answers, "a2", true));
  EXPECT_EQ(turns.end(answers), std::nullopt);
  EXPECT_EQ(turns.end(hangs), "h3");
}

TEST(ClientTurns, ReceiversOfATenantGoRound) {
  ClientTurns turns(1, 1);
  EXPECT_TRUE(turns.begin({"a", "x"}, "x1", true));
  for (const char* job : {"x2", "x3"}) EXPECT_FALSE(turns.begin({"a", "x"}, job, true));
  for (const char* job : {"y1", "y2"}) EXPECT_FALSE(turns.begin({"a", "y"}, job, true));
  EXPECT_FALSE(turns.begin({"a", "z"}, "z1", true));
  std::string order;
  std::string receiver = "x";
  while (const auto next = turns.end({"a", receiver})) {
    order += *next + " ";
    receiver = next->substr(0, 1);
    EXPECT_TRUE(turns.begin({"a", receiver}, *next, true));
  }
  EXPECT_EQ(order, "x2 y1 z1 x3 y2 ");
}

TEST(ClientTurns, WhatWasNotTriedComesFirst) {
  ClientTurns turns(1, 1);
  EXPECT_TRUE(turns.begin(kA, "1", true));
  EXPECT_FALSE(turns.begin(kA, "again", false));
  EXPECT_FALSE(turns.begin(kA, "first", true));
  EXPECT_EQ(turns.end(kA), "first");
  // Another job of the receiver was quicker: who was called is the next one.
  EXPECT_TRUE(turns.begin(kA, "quick", true));
  EXPECT_FALSE(turns.begin(kA, "late", true));
  EXPECT_FALSE(turns.begin(kA, "first", true));
  EXPECT_EQ(turns.end(kA), "first");
  EXPECT_EQ(turns.pass("first"), "late");
  EXPECT_EQ(turns.pass("late"), "again");
  EXPECT_EQ(turns.pass("again"), std::nullopt);
}

}  // namespace
}  // namespace vbrain::controller
