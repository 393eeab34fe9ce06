#include "support/netfs/nodes.hpp"

#include <algorithm>
#include <stdexcept>

namespace vbrain::netfs {
namespace {

bool is_young(SteadyTime asked, std::chrono::milliseconds age) {
  return std::chrono::steady_clock::now() - asked < age;
}

}  // namespace

Nodes::Nodes(base::Fd root) : root_(std::make_shared<Node>()) {
  struct stat status {};
  if (fstat(root.get(), &status) != 0) throw std::runtime_error("cannot stat the backing folder");
  root_->fd = std::move(root);
  root_->key = {status.st_dev, status.st_ino};
  nodes_[root_->key] = root_;
}

fuse_ino_t Nodes::number_of(const NodePtr& node) {
  return node->parent ? reinterpret_cast<fuse_ino_t>(node.get()) : FUSE_ROOT_ID;
}

NodePtr Nodes::at(fuse_ino_t number) {
  if (number == FUSE_ROOT_ID) return root_;
  const std::lock_guard lock(mutex_);
  return numbers_.at(number);
}

std::string Nodes::path_locked(const Node* node) const {
  if (!node->parent) return "";
  return path_locked(node->parent.get()) + "/" + node->name;
}

std::string Nodes::path_of(const NodePtr& node, std::string_view name) {
  const std::lock_guard lock(mutex_);
  std::string path = path_locked(node.get());
  if (!name.empty()) return path + "/" + std::string(name);
  return path.empty() ? "/" : path;
}

NodePtr Nodes::found(base::Fd fd, const struct stat& status, const NodePtr& parent, const std::string& name) {
  const std::lock_guard lock(mutex_);
  NodePtr& node = nodes_[{status.st_dev, status.st_ino}];
  if (!node) {
    node = std::make_shared<Node>();
    node->fd = std::move(fd);
    node->key = {status.st_dev, status.st_ino};
    node->is_folder = S_ISDIR(status.st_mode);
  }
  if (node != root_ && !node->silly) {
    node->parent = parent;
    node->name = name;
  }
  return node;
}

NodePtr Nodes::known(const struct stat& status) {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find({status.st_dev, status.st_ino});
  return found == nodes_.end() ? nullptr : found->second;
}

NodePtr Nodes::told(const NodePtr& node) {
  const std::lock_guard lock(mutex_);
  NodePtr& current = nodes_[node->key];
  if (!current) current = node;
  ++current->lookups;
  numbers_[number_of(current)] = current;
  return current;
}

void Nodes::forget(fuse_ino_t number, std::uint64_t lookups) {
  if (number == FUSE_ROOT_ID) return;
  const std::lock_guard lock(mutex_);
  const auto found = numbers_.find(number);
  if (found == numbers_.end()) return;
  const NodePtr node = found->second;
  node->lookups -= std::min(node->lookups, lookups);
  if (node->lookups != 0) return;
  numbers_.erase(found);
  const auto current = nodes_.find(node->key);
  if (current != nodes_.end() && current->second == node) nodes_.erase(current);
}

std::vector<std::pair<fuse_ino_t, std::string>> Nodes::surplus(std::size_t limit) {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<fuse_ino_t, std::string>> names;
  if (numbers_.size() <= limit) return names;
  // No folders: the kernel cannot forget a folder while it knows a file in it.
  for (const auto& [number, node] : numbers_) {
    if (node->opened == 0 && !node->is_folder) names.emplace_back(number_of(node->parent), node->name);
  }
  return names;
}

void Nodes::opened(const NodePtr& node) {
  const std::lock_guard lock(mutex_);
  ++node->opened;
}

std::optional<std::pair<NodePtr, std::string>> Nodes::closed(const NodePtr& node) {
  const std::lock_guard lock(mutex_);
  if (--node->opened > 0 || !node->silly) return std::nullopt;
  node->silly = false;
  return std::pair(node->parent, node->name);
}

Nodes::OpenState Nodes::state_of(const NodePtr& node) {
  const std::lock_guard lock(mutex_);
  return {node->opened > 0, node->silly};
}

void Nodes::moved(const NodePtr& node, const NodePtr& parent, const std::string& name, bool silly) {
  const std::lock_guard lock(mutex_);
  node->parent = parent;
  node->name = name;
  node->silly = silly;
}

void Nodes::set_memory(const Memory& memory) {
  const std::lock_guard lock(mutex_);
  memory_ = memory;
}

Memory Nodes::memory() {
  const std::lock_guard lock(mutex_);
  return memory_;
}

void Nodes::refresh() {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, node] : nodes_) {
    node->names.clear();
    node->attributes.reset();
    node->list.reset();
  }
}

void Nodes::remember_name(const NodePtr& parent, const std::string& name, const NodePtr& node) {
  const std::lock_guard lock(mutex_);
  if (memory_.names.count() > 0) parent->names[name] = {node, std::chrono::steady_clock::now()};
}

std::optional<NodePtr> Nodes::remembered_name(const NodePtr& parent, std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = parent->names.find(name);
  if (found == parent->names.end() || !is_young(found->second.asked, memory_.names)) return std::nullopt;
  return found->second.node;
}

void Nodes::remember_attributes(const NodePtr& node, const struct stat& status) {
  const std::lock_guard lock(mutex_);
  if (memory_.attributes.count() > 0) node->attributes = {status, std::chrono::steady_clock::now()};
}

std::optional<struct stat> Nodes::remembered_attributes(const NodePtr& node) {
  const std::lock_guard lock(mutex_);
  if (!node->attributes || !is_young(node->attributes->second, memory_.attributes)) return std::nullopt;
  return node->attributes->first;
}

void Nodes::remember_list(const NodePtr& node, const std::vector<Entry>& list) {
  const std::lock_guard lock(mutex_);
  if (memory_.lists.count() > 0) node->list = {list, std::chrono::steady_clock::now()};
}

std::optional<std::vector<Entry>> Nodes::remembered_list(const NodePtr& node) {
  const std::lock_guard lock(mutex_);
  if (!node->list || !is_young(node->list->second, memory_.lists)) return std::nullopt;
  return node->list->first;
}

void Nodes::forget_attributes(const NodePtr& node) {
  const std::lock_guard lock(mutex_);
  node->attributes.reset();
}

void Nodes::found_stale(const NodePtr& node) {
  const std::lock_guard lock(mutex_);
  node->attributes.reset();
  node->list.reset();
  if (node->parent) node->parent->names.erase(node->name);
}

void Nodes::forget_name(const NodePtr& parent, const std::string& name) {
  const std::lock_guard lock(mutex_);
  parent->names.erase(name);
  parent->attributes.reset();
  parent->list.reset();
}

}  // namespace vbrain::netfs
