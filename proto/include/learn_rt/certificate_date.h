#pragma once

#include <openssl/asn1.h>

#include <array>
#include <ctime>
#include <string>

namespace learn_rt {

// "2026-01-31 23:59:59 UTC"; "no date" for what is none.
inline std::string date_of(const ASN1_TIME* time) {
  std::tm utc{};
  if (time == nullptr || ::ASN1_TIME_to_tm(time, &utc) != 1) return "no date";
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &utc);
  return text.data();
}

}  // namespace learn_rt
