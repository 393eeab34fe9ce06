#include "runner/places.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "support/cpp/pod_user.hpp"
#include "unit/runner/sandbox.hpp"

namespace vbrain::runner {
namespace {

namespace fs = std::filesystem;
using vbrain::testing::PodUser;
using vbrain::testing::read_file;
using vbrain::testing::Sandbox;

TEST(Places, WhatNobodySetIsBelowTheWorkFolderUnlessItIsUsable) {
  struct Case {
    const char* what;
    GivenPlaces given;
    std::set<std::string> usable;
    Places want;
  };
  const std::vector<Case> cases = {
      {"scratch image, foreign user", {{"/", "", "/"}, ""}, {}, {"/w/home", "/w/tmp", "/w/home"}},
      {"the command names a file in the root", {{"/", "", "/"}, "", true}, {"/tmp"}, {"/w/home", "/tmp", "/"}},
      {"no HOME", {{"", "", "/"}, ""}, {"/tmp"}, {"/w/home", "/tmp", "/w/home"}},
      {"root with a writable root", {{"/root", "", "/"}, "/root"}, {"/", "/root", "/tmp"}, {"/root", "/tmp", "/"}},
      {"root with a read-only root", {{"/root", "", "/"}, "/root"}, {}, {"/w/home", "/w/tmp", "/w/home"}},
      {"nobody", {{"/nonexistent", "", "/"}, "/nonexistent"}, {"/tmp"}, {"/w/home", "/tmp", "/w/home"}},
      {"a home in the image",
       {{"/home/app", "", "/app"}, "/home/app"},
       {"/home/app", "/tmp"},
       {"/home/app", "/tmp", "/app"}},
      {"set by image or template",
       {{"/opt/models", "/scratch", "/app"}, "/home/app"},
       {},
       {"/opt/models", "/scratch", "/app"}},
      {"no working folder", {{"/h", "/t", ""}, ""}, {}, {"/h", "/t", ""}},
  };
  for (const Case& c : cases) {
    const auto usable = [&](const std::string& path) { return c.usable.contains(path); };
    const Places places = choose_places(c.given, "/w", usable);
    EXPECT_EQ(places.home, c.want.home) << c.what;
    EXPECT_EQ(places.tmpdir, c.want.tmpdir) << c.what;
    EXPECT_EQ(places.cwd, c.want.cwd) << c.what;
  }
}

// As root all folders are usable, so the test becomes another user.
TEST(Places, AnApplicationOfAnyUserCanUseThem) {
  Sandbox box;
  fs::permissions(box.temp.path(), fs::perms::all);
  for (const char* name : {"vbrain/work", "vbrain/attempt", "dev", "cgroup"})
    fs::permissions(box.temp / name, fs::perms::all);
  fs::copy_file(vbrain::testing::build_folder() / "bin/runner", box.temp / "runner");
  std::vector<std::string> before = {"env", "-C", "/", "-u", "TMPDIR", "HOME=/"};
  if (PodUser::differs()) {
    before.insert(before.begin(),
                  {"setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", "--no-new-privs"});
  }
  const std::string script = R"(set -e
    mkdir "$HOME/.cache"; echo x > "$TMPDIR/vbrain-test-$$"; rm "$TMPDIR/vbrain-test-$$"; echo y > here
    echo "$HOME"; pwd)";
  // A path that is relative to the working folder that the image gave is found.
  auto process = box.start({"bin/sh", "-c", script}, {}, before, box.temp / "runner");
  ASSERT_EQ(process.wait(), 0) << read_file(box.temp / "stderr");
  const std::string home = box.work("home");
  EXPECT_EQ(read_file(box.attempt("logs/stdout.log")), home + "\n" + home + "\n");
  EXPECT_EQ(read_file(home + "/here"), "y\n");
}

// Users that no image knows, with a root that is read-only, as in a container.
TEST(PlacesAsRoot, AnyUserCanUseThemWithAReadOnlyRoot) {
  if (!PodUser::differs()) GTEST_SKIP() << "needs root, to mount";
  for (const auto& [user, group] : {std::pair{"65532", "65532"}, {"1234567", "7654321"}, {"1000650000", "0"}}) {
    Sandbox box;
    fs::permissions(box.temp.path(), fs::perms::all);
    for (const char* name : {"vbrain/work", "vbrain/attempt", "dev", "cgroup"}) {
      fs::permissions(box.temp / name, fs::perms::all);
    }
    fs::copy_file(vbrain::testing::build_folder() / "bin/runner", box.temp / "runner");
    const std::string mounts = "mount --bind /tmp /tmp && mount --bind '" + box.temp.path() + "' '" + box.temp.path() +
                               "' && mount -o remount,bind,ro /tmp && mount -o remount,bind,ro / && exec \"$@\"";
    const std::string script = R"(set -e
      mkdir -p "$HOME/.cache/tool"; echo x > "$HOME/.cache/tool/x"; echo x > here; echo x > "$TMPDIR/x"
      (echo x > /tmp/vbrain-x) 2>/dev/null && exit 9
      id -u; echo "$HOME"; echo "$TMPDIR"; pwd)";
    auto process = box.start({"/bin/sh", "-c", script}, {},
                             {"unshare",
                              "-m",
                              "--propagation",
                              "private",
                              "sh",
                              "-c",
                              mounts,
                              "sh",
                              "setpriv",
                              "--reuid",
                              user,
                              "--regid",
                              group,
                              "--clear-groups",
                              "--inh-caps=-all",
                              "--no-new-privs",
                              "env",
                              "-C",
                              "/",
                              "-u",
                              "TMPDIR",
                              "HOME=/"},
                             box.temp / "runner");
    ASSERT_EQ(process.wait(), 0) << user << ": " << read_file(box.temp / "stderr");
    const std::string home = box.work("home");
    EXPECT_EQ(read_file(box.attempt("logs/stdout.log")),
              std::string(user) + "\n" + home + "\n" + box.work("tmp") + "\n" + home + "\n");
  }
}

}  // namespace
}  // namespace vbrain::runner
