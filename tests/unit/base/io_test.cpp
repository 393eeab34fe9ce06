#include "base/files/io.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include "base/files/fd.hpp"

namespace vbrain::base {
namespace {

TEST(Io, GoesOnAfterASignal) {
  int calls = 0;
  const auto interrupted_twice = [&] {
    errno = EINTR;
    return ++calls < 3 ? -1 : 7;
  };
  EXPECT_EQ(without_eintr(interrupted_twice), 7);
  EXPECT_EQ(calls, 3);
}

TEST(Io, ReportsEveryOtherError) {
  int calls = 0;
  const auto fails = [&] {
    ++calls;
    errno = EIO;
    return -1;
  };
  EXPECT_EQ(without_eintr(fails), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(calls, 1);
  char byte = 0;
  EXPECT_EQ(read_full(-1, {&byte, 1}), -1);
  EXPECT_EQ(read_full_at(-1, {&byte, 1}, 0), -1);
  EXPECT_FALSE(write_full(-1, "x"));
  EXPECT_EQ(errno, EBADF);
}

TEST(Io, ReadsAPipeUntilAllIsThere) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const Fd from(ends[0]);
  Fd to(ends[1]);
  // Much more than a pipe holds, so that both sides need many calls.
  const std::string sent(1'000'000, 'x');
  std::thread writer([&] {
    EXPECT_TRUE(write_full(to.get(), sent));
    to = Fd();
  });
  std::string got(2'000'000, '\0');
  EXPECT_EQ(read_full(from.get(), got), 1'000'000);
  writer.join();
  got.resize(sent.size());
  EXPECT_TRUE(got == sent);
}

TEST(Io, ReadsAtAnOffset) {
  const Fd file(memfd_create("io", MFD_CLOEXEC));
  ASSERT_TRUE(write_full(file.get(), "0123456789"));
  std::string got(4, '\0');
  EXPECT_EQ(read_full_at(file.get(), got, 3), 4);
  EXPECT_EQ(got, "3456");
  EXPECT_EQ(read_full_at(file.get(), got, 8), 2);
  EXPECT_EQ(read_some_at(file.get(), got, 10), 0);
}

}  // namespace
}  // namespace vbrain::base
