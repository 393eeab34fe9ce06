#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vbrain::api {

// Ids in ascending order, with their text as a JSON list. Constant. The text is in chunks, and a list that is made from
// another one shares the chunks in which both are the same: a list of 100,000 ids with one more takes one new chunk of
// 20 kB. Ids are of [a-z0-9-], so nothing is escaped. Pure.
class IdList {
 public:
  // A chunk has about so many ids, at most twice as many.
  static constexpr std::size_t kIdsInChunk = 512;

  struct Chunk {
    std::string text;                 // ,"id" for each id
    std::vector<std::uint32_t> ends;  // where each of these parts ends
    std::uint64_t digest = 0;
    std::shared_ptr<void> memory;  // what the chunk holds of a budget

    std::size_t size() const { return ends.size(); }
    std::string_view id(std::size_t i) const;
    std::size_t bytes() const { return sizeof(Chunk) + text.capacity() + ends.capacity() * sizeof(std::uint32_t); }
  };
  // Called with the size of each new chunk before it is made; what it returns lives as long as the chunk. It may throw.
  using Cover = std::function<std::shared_ptr<void>(std::size_t bytes)>;

  IdList() = default;

  // The list without the ids `gone` and with the ids `come`. Both are ascending, without duplicates; `gone` are in the
  // list and `come` are not.
  std::shared_ptr<const IdList> changed(const std::vector<std::string>& gone, const std::vector<std::string>& come,
                                        const Cover& cover) const;
  // The ids that are `wanted`.
  std::shared_ptr<const IdList> filtered(const std::function<bool(std::string_view)>& wanted, const Cover& cover) const;

  std::size_t size() const { return size_; }
  // The place of an id in the list; size() if it is not there.
  std::size_t place_of(std::string_view id) const;
  // How many ids of the list are less than `id`, which need not be in it; and how many are not greater.
  std::size_t count_before(std::string_view id) const;
  std::size_t count_until(std::string_view id) const { return count_before(id) + (contains(id) ? 1 : 0); }
  bool contains(std::string_view id) const { return place_of(id) < size_; }
  std::string_view at(std::size_t place) const;
  // A place, told by the chunk and the position in it. Of a list that is made from this one most are the same.
  using Spot = std::uint32_t;
  Spot spot_of(std::size_t place) const;
  std::size_t place_of(Spot spot, std::string_view id) const;  // size() if another id is there
  const std::vector<std::shared_ptr<const Chunk>>& chunks() const { return chunks_; }
  // The memory of the list and its chunks.
  std::size_t bytes() const;
  // The same for the same ids, on every server, and another for other ids: a digest. For entity tags.
  std::string tag() const;

 private:
  std::size_t chunk_with(std::size_t place) const;
  void add(std::shared_ptr<const Chunk> chunk);
  void add_new(const std::vector<std::string_view>& ids, const Cover& cover);

  std::vector<std::shared_ptr<const Chunk>> chunks_;  // none is empty
  std::vector<std::size_t> starts_;                   // the place of each chunk's first id
  std::size_t size_ = 0;
  std::uint64_t digest_ = 0;
};

// The pieces of the JSON list, which live as long as the list.
std::vector<std::string_view> pieces_of(const IdList& list);

}  // namespace vbrain::api
