#pragma once

#include <functional>
#include <string>
#include <vector>

namespace vbrain::runner {

// Where an application finds its home, its temporary files, and itself.
struct Places {
  std::string home{};    // HOME
  std::string tmpdir{};  // TMPDIR
  std::string cwd{};     // the working folder

  friend bool operator==(const Places&, const Places&) = default;
};

// The same, as the image, the template and the container runtime give it. Empty means not set.
struct GivenPlaces {
  Places places{};
  std::string passwd_home{};  // of this user in the image's /etc/passwd
  bool cwd_is_used = false;   // an argument of the command names a file in the working folder: `python main.py`
};

// What image and template set stays. What the container runtime only fills in, because neither sets it, stays if it is
// usable: HOME=/ or the home of /etc/passwd, and the working folder /. Otherwise home and working folder are
// `work`/home. A working folder that the command's arguments use stays. Without TMPDIR it is /tmp if that is usable,
// else `work`/tmp. `usable` is true for a folder in which this user can create files.
Places choose_places(const GivenPlaces& given, const std::string& work,
                     const std::function<bool(const std::string&)>& usable);

// What this process was given, for a command with these arguments (the first is the program).
GivenPlaces find_places(const std::vector<std::string>& command);

// True for a folder in which this user can create files.
bool is_usable_folder(const std::string& path);

}  // namespace vbrain::runner
