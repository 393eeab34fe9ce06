#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/scans/store_scan.hpp"
#include "artifacts/store/store.hpp"
#include "base/result.hpp"
#include "base/time/clock.hpp"

// What requests with an Idempotency-Key have made: tenants/<…>/.keys/<SHA-256 of the key>, .keys/done-<id> when the
// work is complete, and .keys/gone-<id> when it was deleted. docs/decisions/0036-idempotency-keys.md says why a
// repeated request can use them at any moment.
namespace vbrain::artifacts {

struct KeyRecord {
  std::string request;  // 64 hexadecimal digits, by which the same request is recognised
  // What the request makes: a job, a repository or a batch. Chosen before, unique in the tenant; is_job_folder_name().
  std::string id;
  std::string repository_id{};      // made together with the job; empty: none
  std::vector<std::string> jobs{};  // of a batch
  std::string answer;               // the body of the 201

  friend bool operator==(const KeyRecord&, const KeyRecord&) = default;
};

std::string encode(const KeyRecord& record);
// Untrusted input: the error is a short sentence for the log.
Result<KeyRecord, std::string> decode_key_record(std::string_view text);

// The name of a key's record.
std::string key_record_name(std::string_view key);

// All functions below block on the volume and throw VolumeError. `name` is a key_record_name().

struct FoundKey {
  KeyRecord record;
  bool done = false;  // mark_key_done() was called
};
// Nothing: there is none. Throws CorruptFile if it can't be decoded.
std::optional<FoundKey> find_key(const Store& store, const Tenant& tenant, const std::string& name);

// Makes the record if the key has none: of any number of callers on any number of machines exactly one gets true. Where
// the file system has one ordered journal, the record is a symbolic link, whose text is a part of the journal: it is
// durable with the next fsync of a new file, as that of the job. Elsewhere, and if it is too long, it is a durable
// file.
bool claim_key(const Store& store, const Tenant& tenant, const std::string& name, const KeyRecord& record);

// Says that what the record names is published, so that its deletion later is one. Not durable: see the page above.
// Does nothing in a tenant without keys.
void mark_key_done(const Store& store, const Tenant& tenant, std::string_view id);
bool has_key_mark(const Store& store, const Tenant& tenant, std::string_view id);

// mark_key_done(), and that the job or repository `id` is deleted. Call it before its folder goes. A request that read
// the record before, and publishes it after the deletion, sees by the second mark that it must take it back.
void mark_key_deleted(const Store& store, const Tenant& tenant, std::string_view id);
bool has_deletion_mark(const Store& store, const Tenant& tenant, std::string_view id);

// Whether the volume has something that the record names: a request with the key has published it.
bool has_published(const Store& store, const Tenant& tenant, const KeyRecord& record);

// How many records the tenant has. Reads the whole folder.
std::uint64_t count_keys(const Store& store, const Tenant& tenant);

// Removes the records and marks of all tenants that are older than `before`, until `stop`. Returns how many. Throws
// only exceptions of `unreadable`.
std::size_t sweep_keys(const Store& store, base::TimePoint before, const OnUnreadable& unreadable,
                       std::stop_token stop);

}  // namespace vbrain::artifacts
