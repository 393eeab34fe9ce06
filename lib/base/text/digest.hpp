#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace vbrain::base {

// The SHA-256 (FIPS 180-4) of bytes that come in pieces. Not thread-safe. An object computes one digest.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view bytes);
  // 64 lower-case hexadecimal digits. Call it once, after the last update().
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Lower-case hex SHA-256 of `bytes`.
std::string sha256_hex(std::string_view bytes);

// `count` random bytes of the operating system. Throws std::runtime_error if it gives none.
std::string random_bytes(std::size_t count);

// Whether both are equal. The time depends on the lengths only, so it tells an attacker nothing about the content.
bool equal_constant_time(std::string_view left, std::string_view right);

}  // namespace vbrain::base
