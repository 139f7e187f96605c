#include "sha256.h"

#include <cstring>

#include "sha256_blocks.h"

namespace learn_rt {
namespace {

std::uint32_t rotate(std::uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

void absorb(Sha256Digest& digest, const unsigned char* block) {
  std::array<std::uint32_t, 64> w{};
  for (int i = 0; i < 16; ++i) {
    w[i] = std::uint32_t{block[4 * i]} << 24 | std::uint32_t{block[4 * i + 1]} << 16 |
           std::uint32_t{block[4 * i + 2]} << 8 | std::uint32_t{block[4 * i + 3]};
  }
  for (int i = 16; i < 64; ++i) {
    const std::uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const std::uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = digest;
  for (int i = 0; i < 64; ++i) {
    const std::uint32_t t1 =
        h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + kSha256Rounds[i] + w[i];
    const std::uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  const Sha256Digest mixed{a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; ++i) digest[i] += mixed[i];
}

void absorb_plain(Sha256Digest& digest, const unsigned char* data, std::size_t blocks) {
  for (std::size_t i = 0; i < blocks; ++i) absorb(digest, data + 64 * i);
}

}  // namespace

std::string sha256(std::string_view bytes, bool plain) {
  const Sha256Absorb own = plain ? nullptr : sha256_instructions();
  const Sha256Absorb absorb_blocks = own != nullptr ? own : absorb_plain;
  Sha256Digest digest{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const std::size_t whole = bytes.size() / 64 * 64;
  absorb_blocks(digest, data, whole / 64);

  std::array<unsigned char, 128> last{};  // the rest, a 1 bit, zeros, the length in bits
  const std::size_t rest = bytes.size() - whole;
  if (rest != 0) std::memcpy(last.data(), data + whole, rest);
  last[rest] = 0x80;
  const std::size_t size = rest < 56 ? 64 : 128;
  for (std::size_t i = 0; i < 8; ++i) {
    last[size - 1 - i] = static_cast<unsigned char>((std::uint64_t{bytes.size()} * 8) >> (8 * i));
  }
  absorb_blocks(digest, last.data(), size / 64);

  std::string hex;
  for (const std::uint32_t word : digest) {
    for (int shift = 28; shift >= 0; shift -= 4) hex += "0123456789abcdef"[(word >> shift) & 15];
  }
  return hex;
}

}  // namespace learn_rt
