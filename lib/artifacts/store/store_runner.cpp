#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "artifacts/files/access.hpp"
#include "artifacts/files/file_blocks.hpp"
#include "artifacts/store/store.hpp"
#include "base/log/log.hpp"
#include "base/text/digest.hpp"

namespace vbrain::artifacts {
namespace {

constexpr mode_t kProgramMode = 0750;
constexpr int kDepth = 4;

// Names and contents of a folder, as one digest.
void digest_folder(const Dir& folder, int depth, base::Sha256& digest) {
  for (const Dir::Entry& entry : folder.list()) {
    digest.update(entry.name);
    digest.update(std::string_view("\0", 1));
    if (entry.type == DT_DIR && depth > 0) {
      digest_folder(folder.at(entry.name), depth - 1, digest);
    } else if (const auto file = folder.open_file(entry.name)) {
      base::Sha256 content;
      for_each_block(file->fd.get(), "read the runner", [&](std::string_view bytes) { content.update(bytes); });
      digest.update(content.hex());
    }
    digest.update(std::string_view("\1", 1));
  }
}

std::string digest_of(const Dir& folder) {
  base::Sha256 digest;
  digest_folder(folder, kDepth, digest);
  return digest.hex();
}

void copy_folder(const Dir& from, const Dir& to, int depth) {
  for (const Dir::Entry& entry : from.list()) {
    if (entry.type == DT_DIR && depth > 0) {
      to.make_new(entry.name);
      copy_folder(from.at(entry.name), to.at(entry.name), depth - 1);
    } else if (const auto file = from.open_file(entry.name)) {
      auto copy = to.create_file(entry.name);
      if (!copy) throw VolumeError(EEXIST, "copy the runner");
      for_each_block(file->fd.get(), "read the runner", [&](std::string_view bytes) { write_all(copy->get(), bytes); });
      if (fchmod(copy->get(), kProgramMode) != 0) throw VolumeError(errno, "chmod the runner");
      sync_and_close(std::move(*copy));
    }
  }
  to.sync();
}

// What cannot be removed stays for sweep_rubbish(). On NFS a file that somebody reads keeps its folder busy.
void discard(const Dir& bin, const std::string& name) {
  try {
    bin.remove_tree(name);
  } catch (const VolumeError& error) {
    base::log_warning("an unused copy of the runner could not be removed from the volume", {{"error", error.what()}});
  }
}

// Gives `name` another name, which is returned: empty if another controller has just moved it.
std::string move_aside(const Dir& bin, const std::string& name) {
  std::string aside = ".staging-" + random_name();
  try {
    bin.move(name, bin, aside);
  } catch (const VolumeError& error) {
    if (error.code().value() != ENOENT) throw;
    aside.clear();
  }
  return aside;
}

}  // namespace

void Store::install_runner(const std::string& source, std::string_view version) const {
  const Dir from = Dir::open(source);
  const std::string target = layout::bin(version);
  const std::string name = target.substr(target.find('/') + 1);
  const std::string wanted = digest_of(from);
  const Dir bin = with_denial_explained(link_of(root().fd()), [&] { return root().make("bin"); });
  const auto is_installed = [&] {
    try {
      const auto installed = bin.sub(name);
      return installed && digest_of(*installed) == wanted;
    } catch (const VolumeError& error) {
      // Another controller has moved the folder away while it was read.
      const int number = error.code().value();
      if (number != ENOENT && number != ESTALE) throw;
      return false;
    }
  };
  if (is_installed()) return;
  const std::string staged = ".staging-" + random_name();
  std::string aside;
  bin.make_new(staged);
  try {
    copy_folder(from, bin.at(staged), kDepth);
    // The name is taken by other content. It is exchanged in one step where the file system can, so that a pod that
    // starts now finds the one or the other. Running pods keep the folder that they have mounted.
    for (int turn = 0; !bin.move(staged, bin, name); ++turn) {
      if (is_installed()) break;
      if (turn == 3) throw VolumeError(EEXIST, "install the runner");
      if (syscall(SYS_renameat2, bin.fd(), staged.c_str(), bin.fd(), name.c_str(), RENAME_EXCHANGE) == 0) break;
      aside = move_aside(bin, name);
    }
  } catch (...) {
    discard(bin, staged);
    throw;
  }
  bin.sync();
  discard(bin, staged);
  if (!aside.empty()) discard(bin, aside);
}

}  // namespace vbrain::artifacts
