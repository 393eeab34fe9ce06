#include "fuzz/mutate.hpp"

#include <algorithm>
#include <array>

namespace vbrain::fuzz {

std::string Mutator::mutate(std::string input, std::string_view other, const std::vector<std::string>& words) {
  const std::size_t changes = std::size_t{1} << pick(5);
  for (std::size_t i = 0; i < changes; ++i) change(input, other, words);
  if (input.size() > kMaxInput) input.resize(kMaxInput);
  return input;
}

void Mutator::change(std::string& input, std::string_view other, const std::vector<std::string>& words) {
  const std::size_t at = pick(input.size() + 1);
  const std::size_t length = std::min(input.size() - at, pick(std::size_t{1} << pick(10)) + 1);
  switch (pick(10)) {
    case 0:
      if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << pick(8)));
      break;
    case 1:
      if (at < input.size()) input[at] = static_cast<char>(pick(256));
      break;
    case 2:
      input.insert(at, 1 + pick(8), static_cast<char>(pick(256)));
      break;
    case 3:
      input.erase(at, length);
      break;
    case 4:
      input.insert(pick(input.size() + 1), input.substr(at, length));
      break;
    case 5:
      input.resize(at);
      break;
    case 6:
      put_number(input);
      break;
    case 7:
      if (!other.empty()) {
        const std::size_t from = pick(other.size());
        input.replace(at, pick(2) * length, other.substr(from, 1 + pick(other.size() - from)));
      }
      break;
    default:
      if (!words.empty()) {
        const std::string& word = words[pick(words.size())];
        input.replace(at, pick(2) * std::min(word.size(), input.size() - at), word);
      }
      break;
  }
}

void Mutator::put_number(std::string& input) {
  constexpr std::array<std::uint64_t, 14> kNumbers = {
      0,      1,       2,          0x7f,       0x80,       0xff,       0x7fff,
      0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0xffffffffffffffff};
  const std::size_t width = std::size_t{1} << pick(4);
  if (input.size() < width) return;
  const std::size_t at = pick(input.size() - width + 1);
  std::uint64_t value = kNumbers.at(pick(kNumbers.size()));
  if (pick(2) == 0) {
    // A number close to the existing one.
    value = 0;
    for (std::size_t i = width; i-- > 0;) value = (value << 8) | static_cast<unsigned char>(input[at + i]);
    value += pick(33) - 16;
  }
  for (std::size_t i = 0; i < width; ++i) input[at + i] = static_cast<char>(value >> (8 * i));
}

}  // namespace vbrain::fuzz
