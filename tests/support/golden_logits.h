// Logits that a folder of testdata/golden expects: expected.json names sequences and the rows that
// are kept of each, expected.f32 has those rows one after the other.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "lathe/tokenizer.h"

namespace lathe::test {

struct GoldenLogits {
  std::vector<std::vector<TokenId>> sequences;
  std::vector<std::vector<std::size_t>> rows;  // of each sequence, positions
  std::vector<float> expected;
  float largest = 0.0F;  // of expected, without its sign
};

inline std::string read_golden_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

inline GoldenLogits read_golden_logits(const std::string& folder) {
  GoldenLogits out;
  const auto json = nlohmann::json::parse(read_golden_file(folder + "/expected.json"));
  out.sequences = json.at("sequences").get<std::vector<std::vector<TokenId>>>();
  out.rows = json.at("rows").get<std::vector<std::vector<std::size_t>>>();
  const std::string bytes = read_golden_file(folder + "/expected.f32");
  out.expected.resize(bytes.size() / sizeof(float));
  std::memcpy(out.expected.data(), bytes.data(), bytes.size());
  for (const float x : out.expected) out.largest = std::max(out.largest, std::abs(x));
  return out;
}

}  // namespace lathe::test
