#include "runner/places.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <ranges>
#include <sstream>

namespace vbrain::runner {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Read here, because getpwuid(3) of a static program would load libraries of the image.
std::string find_passwd_home(uid_t user) {
  std::ifstream file("/etc/passwd");
  const std::string wanted = std::to_string(user);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::array<std::string, 6> field;  // name, password, uid, gid, comment, home
    for (std::string& one : field) std::getline(fields, one, ':');
    if (field[2] == wanted) return field[5];
  }
  return {};
}

}  // namespace

Places choose_places(const GivenPlaces& given, const std::string& work,
                     const std::function<bool(const std::string&)>& usable) {
  Places places = given.places;
  const bool home_is_filled_in = places.home.empty() || places.home == "/" || places.home == given.passwd_home;
  if (home_is_filled_in && (places.home.empty() || !usable(places.home))) places.home = work + "/home";
  if (places.tmpdir.empty()) places.tmpdir = usable("/tmp") ? "/tmp" : work + "/tmp";
  if (places.cwd == "/" && !given.cwd_is_used && !usable(places.cwd)) places.cwd = work + "/home";
  return places;
}

GivenPlaces find_places(const std::vector<std::string>& command) {
  std::array<char, PATH_MAX> cwd{};
  const auto names_file = [](const std::string& argument) {
    return !argument.starts_with('/') && access(argument.c_str(), F_OK) == 0;
  };
  return {.places = {.home = variable("HOME"),
                     .tmpdir = variable("TMPDIR"),
                     .cwd = getcwd(cwd.data(), cwd.size()) == nullptr ? "" : cwd.data()},
          .passwd_home = find_passwd_home(geteuid()),
          .cwd_is_used = std::ranges::any_of(command | std::views::drop(1), names_file)};
}

bool is_usable_folder(const std::string& path) {
  struct stat found {};
  return stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && access(path.c_str(), W_OK | X_OK) == 0;
}

}  // namespace vbrain::runner
