#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace vbrain::base {

// SHA-256 (FIPS 180-4) of bytes given piece by piece. Not thread-safe; one object, one digest.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view bytes);
  // Lower-case hex, 64 characters. Call once, last.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Lower-case hex SHA-256 of `bytes`.
std::string sha256_hex(std::string_view bytes);

// `count` bytes of the operating system's random source. Throws std::runtime_error when it has none.
std::string random_bytes(std::size_t count);

// True if both are equal; the time depends on the lengths only.
bool equal_constant_time(std::string_view left, std::string_view right);

}  // namespace vbrain::base
