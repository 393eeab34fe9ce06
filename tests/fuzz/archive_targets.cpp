#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/archive/name_tree.hpp"
#include "artifacts/raw_zip/file_reader.hpp"
#include "artifacts/store/layout.hpp"
#include "fuzz/fuzz.hpp"
#include "support/cpp/decode_component.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/artifacts/zip_builder.hpp"

namespace vbrain::fuzz {
namespace {

using artifacts::ArchiveLimits;
using artifacts::Dir;
using artifacts::Fd;
using vbrain::testing::build_zip;

Fd file_of(std::string_view bytes) {
  Fd fd(memfd_create("fuzz", MFD_CLOEXEC));
  artifacts::write_all(fd.get(), bytes);
  return fd;
}

std::uint64_t bytes_below(const std::string& path) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    require(entry.is_regular_file() || entry.is_directory(), "only files and folders are made");
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

void run_zip(std::string_view input) {
  const Fd fd = file_of(input);
  const ArchiveLimits limits{.entries = 100, .inflated_bytes = 1 << 20, .file_bytes = 1 << 20};
  const auto listing = artifacts::inspect(fd.get(), limits);
  if (!listing) {
    require(!listing.error().reason.empty(), "a refusal has a reason");
    return;
  }
  require(listing->entries.size() <= limits.entries, "entries are bounded");
  require(listing->total_bytes <= limits.inflated_bytes, "bytes are bounded");
  std::set<std::string> names;
  std::uint64_t total = 0;
  for (const auto& entry : listing->entries) {
    require(artifacts::check_entry_name(entry.name).empty(), "names are harmless");
    require(names.insert(artifacts::nfc(entry.name)).second, "names differ");
    require(entry.data_offset + entry.compressed_size <= input.size(), "data lies in the file");
    total += entry.size;
  }
  require(total == listing->total_bytes, "the total is the sum");
  const vbrain::testing::TempDir target;
  const auto files = artifacts::extract(*listing, fd.get(), Dir::open(target.path()));
  const std::uint64_t written = bytes_below(target.path());
  require(written <= total, "never more is written than declared");
  if (files) require(written == total, "all that was declared is written");
}

// The same bytes as an output of an application, of which single files are read.
void run_sealed(std::string_view input) {
  const Fd fd = file_of(input);
  const auto reader = artifacts::FileReader::open(fd.get(), input.size());
  if (!reader) {
    require(!reader.error().reason.empty(), "a refusal has a reason");
    return;
  }
  std::set<std::string> names;
  const auto listed = reader->each([&](const artifacts::ArchiveEntry& entry) {
    require(artifacts::check_entry_name(entry.name).empty(), "names are harmless");
    require(names.insert(entry.name).second, "names differ");
  });
  if (!listed) return;
  std::size_t tried = 0;  // entries may share their data: each of them unpacks to 32 MiB at most
  for (const std::string& name : names) {
    if (++tried > 4) break;
    const auto found = reader->find(name);
    if (!found) continue;  // its local header is wrong
    require(found->has_value() && (*found)->name == name, "what is listed is found");
    std::uint64_t bytes = 0;
    const auto read = reader->read(**found, [&](std::string_view piece) { bytes += piece.size(); });
    require(bytes <= (*found)->size, "never more is given than declared");
    if (read) require(bytes == (*found)->size, "all that was declared is given");
  }
  const std::string absent = "no such name";
  const auto none = reader->find(absent);
  require(names.contains(absent) || !none || !none->has_value(), "what is not listed is not found");
}

void run_uploads(std::string_view input) {
  const Fd fd = file_of(input);
  static_cast<void>(artifacts::check_xlsx(fd.get()));
  if (artifacts::check_csv(fd.get())) require(input.find('\0') == input.npos, "text has no NUL");
  static_cast<void>(artifacts::check_json(fd.get()));
}

// One name per line.
void run_names(std::string_view input) {
  artifacts::NameTree tree;
  while (!input.empty()) {
    const std::string_view name = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(name.size() + 1, input.size()));
    if (artifacts::is_name(name)) {
      const std::string component = artifacts::encode_component(name);
      require(component.size() <= 255 && component.find('/') == component.npos && !component.starts_with('.'),
              "a component is one");
      const auto decoded = vbrain::testing::decode_component(component);
      require(!decoded || *decoded == name, "a component says its name");
      require(decoded.has_value() || component.find('~') != component.npos, "only cut components say nothing");
    }
    if (!artifacts::check_entry_name(name).empty()) continue;
    require(("/" + std::string(name) + "/").find("/../") == std::string::npos && !name.starts_with('/'), "no way out");
    static_cast<void>(tree.add(name, false));
    if (const auto tenant = artifacts::layout::tenant_of(name)) {
      require(artifacts::layout::tenant(*tenant) == name, "a folder of a tenant is the one that it has");
    }
  }
}

}  // namespace

std::vector<Target> archive_targets() {
  const std::vector<std::string> zips = {
      build_zip({}),
      build_zip({{.name = "a", .content = "hello hello hello", .deflated = true, .descriptor = true},
                 {.name = "d/", .mode = 040755},
                 {.name = "d/b", .content = "stored"}}),
      build_zip({{.name = "INPUT/a", .content = "x"}, {.name = "INPUT/b.csv", .content = "1,2\n", .deflated = true}},
                {.comment = "comment"}),
      build_zip({{.name = "a", .content = std::string(5000, 'x'), .deflated = true}}, {.zip64 = true}),
      build_zip({{.name = "[Content_Types].xml", .content = "<x/>"}}),
  };
  std::vector<std::string> uploads = zips;
  uploads.insert(uploads.end(), {"a,b\n1,2\n", "{\"a\":[1,2.5e3,\"\\u00e7\"]}", "\xef\xbb\xbf[]"});
  return {
      {"zip",
       run_zip,
       zips,
       {"PK\1\2", "PK\3\4", "PK\5\6", "PK\6\6", "PK\6\7", "PK\7\10", std::string("\x01\x00\x10\x00", 4),
        std::string("\x75\x70\x09\x00\x01", 5), "../", "/", "\\", "a", "A", "INPUT/"}},
      {"sealed", run_sealed, zips, {"PK\1\2", "PK\3\4", "PK\5\6", "PK\6\6", "PK\6\7", "../", "/", "a", "b.csv"}},
      {"uploads", run_uploads, uploads, {"PK\3\4", "\xef\xbb\xbf", "\x1f\x8b", "null", "[", "{", "\"", "1e9"}},
      {"names",
       run_names,
       {"a/b\nA/c\nd/\xc3\xa7\xc3\xa3o.csv\n", "..\n/x\nC:\\x\nnul.txt\n", "caf\xc3\xa9\nCAF\xc3\x89\n",
        "\xe2\x80\xaexyz\n", "tenants/acme/Tutorial/a%20b\ntenants/a/b/~\n"},
       {"\n", "/", "..", "tenants/", "~", "%2F", ".", "\xc3\x89", "\xe2\x80\xae", "CON", "INPUT/"}},
  };
}

}  // namespace vbrain::fuzz
