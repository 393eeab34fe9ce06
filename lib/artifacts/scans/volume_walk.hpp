#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

#include "artifacts/files/safe_open.hpp"
#include "artifacts/scans/store_scan.hpp"

// Scans folders in constant memory. For lib/artifacts/store only.
namespace vbrain::artifacts::walk {

// tenants/<organization>/<application>/<client>
inline constexpr int kTenantDepth = 3;

// Calls `visit` with one entry after another until it returns false; returns false in that case. Nothing is collected,
// so a folder of a million jobs needs no more memory than one of ten.
template <class Visit>
bool each_entry(const Dir& folder, const Visit& visit) {
  const int copy = openat(folder.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) throw VolumeError(errno, "list a folder");
  struct Close {
    void operator()(DIR* stream) const { closedir(stream); }
  };
  const std::unique_ptr<DIR, Close> stream(fdopendir(copy));
  if (stream == nullptr) {
    const int error = errno;
    ::close(copy);
    throw VolumeError(error, "list a folder");
  }
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) {
      if (errno != 0) throw VolumeError(errno, "list a folder");
      return true;
    }
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    unsigned char type = entry->d_type;
    if (type == DT_UNKNOWN) {
      if (const auto found = folder.status(name)) type = static_cast<unsigned char>(IFTODT(found->st_mode));
    }
    if (!visit(Dir::Entry{name, type})) return false;
  }
}

// Does what may find a folder at `path` unreadable.
template <class Work>
bool guarded(const std::string& path, const OnUnreadable& unreadable, const Work& work) {
  try {
    return work();
  } catch (const VolumeError& error) {
    return unreadable(path, error);
  }
}

// Calls `visit` with each folder `depth` levels below, and its path, until it returns false.
template <class Visit>
bool descend(const Dir& folder, const std::string& path, int depth, const OnUnreadable& unreadable,
             const Visit& visit) {
  if (depth == 0) return visit(folder, path);
  return each_entry(folder, [&](const Dir::Entry& entry) {
    if (entry.type != DT_DIR) return true;
    const std::string name = path + "/" + entry.name;
    return guarded(name, unreadable, [&] {
      const auto below = folder.sub(entry.name);
      return !below || descend(*below, name, depth - 1, unreadable, visit);
    });
  });
}

// Calls `visit` with each tenant's folder and its path until it returns false.
template <class Visit>
bool each_tenant(const Dir& root, const OnUnreadable& unreadable, const Visit& visit) {
  const auto tenants = root.sub("tenants");
  return !tenants || descend(*tenants, "tenants", kTenantDepth, unreadable, visit);
}

}  // namespace vbrain::artifacts::walk
