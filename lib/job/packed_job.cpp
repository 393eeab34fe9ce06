#include "job/packed_job.hpp"

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace vbrain::job {
namespace {

// The members of a struct, in order. Each binding names all of them, so that a new member does not compile before it is
// added here.
template <class T, class Struct>
concept Is = std::same_as<std::remove_const_t<T>, Struct>;

auto members_of(Is<kube::OwnerReference> auto& owner) {
  auto& [api_version, kind, name, uid, controller] = owner;
  return std::tie(api_version, kind, name, uid, controller);
}
auto members_of(Is<kube::ObjectMeta> auto& meta) {
  auto& [name, ns, uid, version, generation, labels, finalizers, owners, created, deleted, grace] = meta;
  return std::tie(name, ns, uid, version, generation, labels, finalizers, owners, created, deleted, grace);
}
auto members_of(Is<kube::Condition> auto& condition) {
  auto& [type, status, reason, message, time, generation] = condition;
  return std::tie(type, status, reason, message, time, generation);
}
auto members_of(Is<JobSpec> auto& spec) {
  auto& [organization, application, client, repository, username, priority, suspend, cancel, callback, params,
         metadata] = spec;
  return std::tie(organization, application, client, repository, username, priority, suspend, cancel, callback, params,
                  metadata);
}
auto members_of(Is<Artifacts> auto& artifacts) {
  auto& [output, sha256, log, result] = artifacts;
  return std::tie(output, sha256, log, result);
}
auto members_of(Is<AttemptRecord> auto& record) {
  auto& [attempt, pod, node, start, end, exit_code, reason, message, memory] = record;
  return std::tie(attempt, pod, node, start, end, exit_code, reason, message, memory);
}
auto members_of(Is<JobStatus> auto& status) {
  auto& [generation, phase, reason, message, conditions, attempts, started, accepted, disruptions, application, start,
         end, running, duration, pod, node, exit_code, next, artifacts, history] = status;
  return std::tie(generation, phase, reason, message, conditions, attempts, started, accepted, disruptions, application,
                  start, end, running, duration, pod, node, exit_code, next, artifacts, history);
}
auto members_of(Is<Job> auto& job) {
  auto& [meta, spec, status, traceparent] = job;
  return std::tie(meta, spec, status, traceparent);
}

template <class T>
concept Number = std::integral<T> || std::is_enum_v<T>;

class Packer {
 public:
  template <class T>
  void put(const T& value) {
    if constexpr (Number<T>) {
      put_number(static_cast<std::int64_t>(value));
    } else {
      std::apply([this](const auto&... members) { (put(members), ...); }, members_of(value));
    }
  }
  void put(base::TimePoint time) { put_number(time.time_since_epoch().count()); }
  void put(const std::string& text) {
    put(text.size());
    bytes_ += text;
  }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <class T>
  void put(const std::vector<T>& values) {
    put(values.size());
    for (const T& value : values) put(value);
  }
  void put(const std::map<std::string, std::string>& pairs) {
    put(pairs.size());
    for (const auto& [key, value] : pairs) put(key), put(value);
  }

  std::string take() { return std::move(bytes_); }

 private:
  // Seven bits in each byte, the lowest first; the sign is the lowest bit, so that small numbers take one byte.
  void put_number(std::int64_t number) {
    auto rest = static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63);
    for (; rest >= 0x80; rest >>= 7) bytes_.push_back(static_cast<char>(rest | 0x80));
    bytes_.push_back(static_cast<char>(rest));
  }

  std::string bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  void get(T& value) {
    if constexpr (Number<T>) {
      value = static_cast<T>(get_number());
    } else {
      std::apply([this](auto&... members) { (get(members), ...); }, members_of(value));
    }
  }
  void get(base::TimePoint& time) { time = base::TimePoint(base::TimePoint::duration(get_number())); }
  void get(std::string& text) {
    const auto size = static_cast<std::size_t>(get_number());
    if (size > bytes_.size()) throw std::out_of_range("a packed Job is too short");
    text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
  }
  template <class T>
  void get(std::optional<T>& value) {
    if (get_number() != 0) get(value.emplace());
  }
  template <class T>
  void get(std::vector<T>& values) {
    const auto count = get_number();
    for (std::int64_t i = 0; i < count; ++i) get(values.emplace_back());
  }
  void get(std::map<std::string, std::string>& pairs) {
    const auto count = get_number();
    for (std::int64_t i = 0; i < count; ++i) {
      std::string key;
      get(key);
      get(pairs[std::move(key)]);
    }
  }

 private:
  std::int64_t get_number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_.at(0));
      bytes_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) break;
    }
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
  }

  std::string_view bytes_;
};

}  // namespace

std::string pack(const Job& job) {
  Packer packer;
  packer.put(job);
  return packer.take();
}

Job unpack(std::string_view bytes) {
  Job job;
  Unpacker(bytes).get(job);
  return job;
}

kube::Cache<Job>::Packing packing_of_ended_jobs() {
  return {.is_wanted = [](const Job& job) { return is_terminal(job.status.phase) && !job.meta.deletion_timestamp; },
          .pack = pack,
          .unpack = unpack};
}

}  // namespace vbrain::job
