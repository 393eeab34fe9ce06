#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace vbrain::fuzz {

// Changes inputs at random: bits, bytes, integers of common sizes; pieces are moved, doubled, or taken from another
// input or from the words. The same seed makes the same changes.
class Mutator {
 public:
  static constexpr std::size_t kMaxInput = 32 * 1024;

  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::string mutate(std::string input, std::string_view other, const std::vector<std::string>& words);
  // 0 to `below` - 1.
  std::size_t pick(std::size_t below) { return below == 0 ? 0 : random_() % below; }

 private:
  void change(std::string& input, std::string_view other, const std::vector<std::string>& words);
  void put_number(std::string& input);

  std::mt19937_64 random_;
};

}  // namespace vbrain::fuzz
