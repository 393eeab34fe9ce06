#pragma once

#include <string>

#include "artifacts/files/safe_open.hpp"

namespace vbrain::runner {

// Landlock (kernel documentation, userspace-api/landlock) keeps an application from writing to its attempt's folder.
// The runner writes there under the same uid. Landlock has no right for chmod(2): see AttemptFolder.

// Makes a ruleset that forbids to write, create, remove and rename below the folder `excluded` (an absolute path). It
// allows all reading, and all writing elsewhere, except for new entries in the folders that contain `excluded` (as /):
// see restricts_more(). Empty if the kernel has no Landlock, or only version 1, which would forbid renames between
// folders everywhere.
artifacts::Fd make_ruleset_without(const std::string& excluded);

// Whether the ruleset would forbid more than writing to the folder `excluded`: this process may make new entries in one
// of the folders that contain it, and the ruleset would forbid that. Use no ruleset then, since it could break
// applications.
bool restricts_more(const std::string& excluded);

// Call in the child, between fork and exec. It holds for all its descendants and cannot be undone. Sets no_new_privs.
// False with errno set if it fails.
bool enter_ruleset(int ruleset);

}  // namespace vbrain::runner
