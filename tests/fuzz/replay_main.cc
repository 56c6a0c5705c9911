// Runs a fuzz target over files, where there is no libFuzzer: the seed corpus and every crash
// that was ever found are tests in every build.
//
//   gguf_fuzz [--mutants=N] [FILE | FOLDER]...
//
// With --mutants, N inputs derived from the files by a fixed-seed generator run as well: the
// same ones on every machine, so a failure's printed number finds it again.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

void run(const Bytes& bytes) {
  // An exact-size copy on the heap, so that AddressSanitizer sees the first byte past it.
  const auto copy = std::make_unique<std::uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  LLVMFuzzerTestOneInput(copy.get(), bytes.size());
}

Bytes mutate(Bytes bytes, std::mt19937_64& random) {
  // Values that a parser may trust by mistake: extremes of the integer widths.
  constexpr std::uint64_t kNasty[] = {0,
                                      1,
                                      0x7f,
                                      0x80,
                                      0xff,
                                      0xffff,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      0x7fffffffffffffff,
                                      0xffffffffffffffff};
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::size_t rounds = 1 + below(4);
  for (std::size_t i = 0; i < rounds && !bytes.empty(); ++i) {
    // Headers stand in front, so half of the changes go there.
    const std::size_t reach =
        random() % 2 ? std::min<std::size_t>(bytes.size(), 512) : bytes.size();
    const std::size_t at = below(reach);
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (random() % 6) {
      case 0:
        bytes[at] ^= static_cast<std::uint8_t>(1u << below(8));
        break;
      case 1:
        bytes[at] = static_cast<std::uint8_t>(random());
        break;
      case 2: {
        const std::uint64_t value = kNasty[below(std::size(kNasty))];
        const std::size_t width =
            std::min<std::size_t>(std::size_t{1} << below(4), bytes.size() - at);
        for (std::size_t b = 0; b < width; ++b)
          bytes[at + b] = static_cast<std::uint8_t>(value >> (8 * b));
        break;
      }
      case 3:
        bytes.resize(at);
        break;
      case 4:
        bytes.erase(
            place, place + static_cast<std::ptrdiff_t>(std::min(below(64) + 1, bytes.size() - at)));
        break;
      default: {
        const Bytes piece(
            place, place + static_cast<std::ptrdiff_t>(std::min(below(64) + 1, bytes.size() - at)));
        const std::size_t to = below(bytes.size());
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(to), piece.begin(), piece.end());
      }
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t mutants = 0;
  std::vector<fs::path> paths;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    constexpr std::string_view kMutants = "--mutants=";
    if (word.starts_with(kMutants)) {
      std::from_chars(word.data() + kMutants.size(), word.data() + word.size(), mutants);
    } else if (fs::is_directory(word)) {
      for (const auto& entry : fs::recursive_directory_iterator(word)) {
        if (entry.is_regular_file()) paths.push_back(entry.path());
      }
    } else {
      paths.emplace_back(word);
    }
  }
  std::sort(paths.begin(), paths.end());  // a folder's own order differs between machines

  run({});
  std::vector<Bytes> seeds;
  for (const fs::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "%s: cannot open\n", path.c_str());
      return 1;
    }
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    // Named before the run: after a crash it is the last line.
    std::printf("%s (%zu bytes)\n", path.c_str(), seeds.back().size());
    std::fflush(stdout);
    run(seeds.back());
  }
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < mutants && !seeds.empty(); ++i) {
    if (i % 100 == 0) {
      std::printf("mutants from %zu\n", i);
      std::fflush(stdout);
    }
    run(mutate(seeds[i % seeds.size()], random));
  }
  std::printf("%zu files and %zu mutants replayed\n", seeds.size(), seeds.empty() ? 0 : mutants);
  return 0;
}
