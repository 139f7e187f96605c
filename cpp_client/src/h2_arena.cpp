#include "h2_arena.h"

#include <cstring>

namespace learn_rt::client {

// Made of zeroes, so that every page is there before the first call.
H2Arena::H2Arena(std::size_t bytes) : bytes_(bytes), memory_(new Head[bytes / sizeof(Head)]()) {}

void* H2Arena::allocate(std::size_t size) LEARN_RT_REALTIME {
  if (size > bytes_) return nullptr;
  std::size_t power = kLeast;
  while ((std::size_t{1} << power) < size + sizeof(Head)) ++power;
  Head* block = free_[power];
  if (block != nullptr) {
    free_[power] = block->next;
  } else {
    const std::size_t heads = (std::size_t{1} << power) / sizeof(Head);
    if (heads > bytes_ / sizeof(Head) - used_) return nullptr;
    block = &memory_[used_];
    used_ += heads;
    block->power = power;
  }
  return block + 1;
}

void* H2Arena::reallocate(void* block, std::size_t size) LEARN_RT_REALTIME {
  if (block == nullptr) return allocate(size);
  const std::size_t had = (std::size_t{1} << (static_cast<Head*>(block) - 1)->power) - sizeof(Head);
  if (size <= had) return block;
  void* larger = allocate(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, block, had);
  release(block);
  return larger;
}

void H2Arena::release(void* block) LEARN_RT_REALTIME {
  if (block == nullptr) return;
  Head* head = static_cast<Head*>(block) - 1;
  head->next = free_[head->power];
  free_[head->power] = head;
}

}  // namespace learn_rt::client
