// Seeded mutants of a file's bytes: what a hostile or broken copy may look like.
//
// Deterministic on every machine: the generator is fixed (splitmix64), nothing of <random>
// is used. Kinds: flipped bits, random bytes, extreme integers of 1 to 8 bytes, cuts,
// insertions, repeated and removed pieces; one to four of them per mutant.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace lathe::test {

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : state_(seed) {}

  // `focus`: most edits fall into this many first bytes (a format's header).
  std::string mutant(std::string_view original, std::size_t focus) {
    std::string out(original);
    const std::uint64_t edits = 1 + below(4);
    for (std::uint64_t i = 0; i < edits; ++i) edit(out, focus);
    return out;
  }

  std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }

 private:
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  std::size_t place(const std::string& bytes, std::size_t focus) {
    const std::size_t limit = below(4) != 0 ? std::min(bytes.size(), focus) : bytes.size();
    return static_cast<std::size_t>(below(limit));
  }

  void edit(std::string& bytes, std::size_t focus) {
    if (bytes.empty()) return;
    const std::size_t at = place(bytes, focus);
    switch (below(8)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1u << below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(below(256));
        break;
      case 2:
      case 3: {
        static constexpr std::uint64_t kExtremes[] = {
            0,          1,          0x7f,       0x80,       0xff,       0x7fff,
            0xffff,     0x7fffffff, 0x80000000, 0xffffffff, 1u << 20,   0x100000000,
            UINT64_MAX, INT64_MAX,  1ull << 63, 1ull << 40, 1ull << 61, UINT64_MAX - 7};
        const std::uint64_t value = kExtremes[below(std::size(kExtremes))];
        const std::size_t width = std::size_t{1} << below(4);
        std::memcpy(bytes.data() + at, &value, std::min(width, bytes.size() - at));
        break;
      }
      case 4:
        if (below(4) == 0) bytes.resize(at);
        break;
      case 5:
        bytes.insert(at, static_cast<std::size_t>(1 + below(40)), static_cast<char>(below(256)));
        break;
      case 6: {
        const auto size = std::min<std::size_t>(1 + below(64), bytes.size() - at);
        bytes.insert(place(bytes, focus), bytes.substr(at, size));
        break;
      }
      default:
        bytes.erase(at, static_cast<std::size_t>(1 + below(16)));
        break;
    }
  }

  std::uint64_t state_;
};

}  // namespace lathe::test
