#include "api-server/lists/id_list.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace vbrain::api {
namespace {

// FNV-1a, then the last step of splitmix64, which spreads each bit. A list's digest is the sum over its ids, so a
// change costs nothing for the ids that stay.
std::uint64_t digest_of(std::string_view id) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char c : id) hash = (hash ^ c) * 0x100000001b3;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return hash ^ (hash >> 31);
}

std::shared_ptr<const IdList::Chunk> make_chunk(const std::string_view* ids, std::size_t count,
                                                const IdList::Cover& cover) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) bytes += ids[i].size() + 3;
  auto chunk = std::make_shared<IdList::Chunk>();
  chunk->memory = cover(sizeof(IdList::Chunk) + bytes + count * sizeof(std::uint32_t));
  chunk->text.reserve(bytes);
  chunk->ends.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    chunk->text.append(",\"").append(ids[i]).append("\"");
    chunk->ends.push_back(static_cast<std::uint32_t>(chunk->text.size()));
    chunk->digest += digest_of(ids[i]);
  }
  return chunk;
}

}  // namespace

std::string_view IdList::Chunk::id(std::size_t i) const {
  const std::size_t from = i == 0 ? 0 : ends[i - 1];
  return std::string_view(text).substr(from + 2, ends[i] - from - 3);
}

void IdList::add(std::shared_ptr<const Chunk> chunk) {
  starts_.push_back(size_);
  size_ += chunk->size();
  digest_ += chunk->digest;
  chunks_.push_back(std::move(chunk));
}

void IdList::add_new(const std::vector<std::string_view>& ids, const Cover& cover) {
  // Up to twice the usual number stay together, so that a list that grows at its end seldom makes two chunks of one.
  std::size_t from = 0;
  while (from < ids.size()) {
    const std::size_t left = ids.size() - from;
    const std::size_t count = left <= 2 * kIdsInChunk ? left : kIdsInChunk;
    add(make_chunk(ids.data() + from, count, cover));
    from += count;
  }
}

std::shared_ptr<const IdList> IdList::changed(const std::vector<std::string>& gone,
                                              const std::vector<std::string>& come, const Cover& cover) const {
  auto list = std::make_shared<IdList>();
  auto go = gone.begin();
  auto next = come.begin();
  std::vector<std::string_view> ids;
  // A chunk reaches to the first id of the next one; the first chunk begins before all ids, the last one ends after.
  for (std::size_t c = 0; c < chunks_.size() || (chunks_.empty() && c == 0); ++c) {
    const bool last = c + 1 >= chunks_.size();
    const auto is_here = [&](const std::string& id) { return last || id < chunks_[c + 1]->id(0); };
    const bool changes = (go != gone.end() && is_here(*go)) || (next != come.end() && is_here(*next));
    if (!changes) {
      if (!chunks_.empty()) list->add(chunks_[c]);
      continue;
    }
    ids.clear();
    const std::size_t count = chunks_.empty() ? 0 : chunks_[c]->size();
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view id = chunks_[c]->id(i);
      for (; next != come.end() && *next < id; ++next) ids.push_back(*next);
      if (go != gone.end() && *go == id) {
        ++go;
      } else {
        ids.push_back(id);
      }
    }
    for (; next != come.end() && is_here(*next); ++next) ids.push_back(*next);
    list->add_new(ids, cover);
  }
  return list;
}

std::shared_ptr<const IdList> IdList::filtered(const std::function<bool(std::string_view)>& wanted,
                                               const Cover& cover) const {
  auto list = std::make_shared<IdList>();
  std::vector<std::string_view> ids;
  for (const auto& chunk : chunks_) {
    ids.clear();
    for (std::size_t i = 0; i < chunk->size(); ++i) {
      if (wanted(chunk->id(i))) ids.push_back(chunk->id(i));
    }
    if (ids.size() == chunk->size()) {
      list->add(chunk);
    } else {
      list->add_new(ids, cover);
    }
  }
  return list;
}

std::size_t IdList::place_of(std::string_view id) const {
  const std::size_t place = count_before(id);
  return place < size_ && at(place) == id ? place : size_;
}

std::size_t IdList::count_before(std::string_view id) const {
  const auto after = std::upper_bound(chunks_.begin(), chunks_.end(), id,
                                      [](std::string_view wanted, const auto& chunk) { return wanted < chunk->id(0); });
  if (after == chunks_.begin()) return 0;
  const auto c = static_cast<std::size_t>(after - chunks_.begin()) - 1;
  const Chunk& chunk = *chunks_[c];
  std::size_t from = 0;
  std::size_t to = chunk.size();
  while (from < to) {
    const std::size_t middle = (from + to) / 2;
    if (chunk.id(middle) < id) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return starts_[c] + from;
}

std::size_t IdList::chunk_with(std::size_t place) const {
  return static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), place) - starts_.begin()) - 1;
}

std::string_view IdList::at(std::size_t place) const {
  const std::size_t c = chunk_with(place);
  return chunks_[c]->id(place - starts_[c]);
}

IdList::Spot IdList::spot_of(std::size_t place) const {
  const std::size_t c = chunk_with(place);
  return static_cast<Spot>(c * 2 * kIdsInChunk + (place - starts_[c]));
}

std::size_t IdList::place_of(Spot spot, std::string_view id) const {
  const std::size_t c = spot / (2 * kIdsInChunk);
  const std::size_t i = spot % (2 * kIdsInChunk);
  return c < chunks_.size() && i < chunks_[c]->size() && chunks_[c]->id(i) == id ? starts_[c] + i : size_;
}

std::size_t IdList::bytes() const {
  std::size_t bytes = sizeof(IdList) + chunks_.size() * 2 * sizeof(void*) + starts_.size() * sizeof(std::size_t);
  for (const auto& chunk : chunks_) bytes += chunk->bytes();
  return bytes;
}

std::string IdList::tag() const {
  std::array<char, 16> hex{};
  const auto end = std::to_chars(hex.data(), hex.data() + hex.size(), digest_, 16).ptr;
  return std::to_string(size_) + "-" + std::string(hex.data(), end);
}

std::vector<std::string_view> pieces_of(const IdList& list) {
  std::vector<std::string_view> pieces{"["};
  pieces.reserve(list.chunks().size() + 2);
  for (const auto& chunk : list.chunks()) {
    // The first id has no comma before it.
    pieces.push_back(pieces.size() == 1 ? std::string_view(chunk->text).substr(1) : std::string_view(chunk->text));
  }
  pieces.push_back("]");
  return pieces;
}

}  // namespace vbrain::api
