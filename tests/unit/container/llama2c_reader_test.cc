#include "container/llama2c_reader.h"

#include <filesystem>
#include <gtest/gtest.h>

namespace lathe {
namespace {

TEST(Llama2cReader, ReadsTheRealModel) {
  const std::string path = LATHE_SHARED_DATA "/stories260K.bin";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  const auto reader = Llama2cReader::open(path);
  EXPECT_EQ(reader->header().dim, 64);
  EXPECT_EQ(reader->header().n_layers, 5);
  EXPECT_EQ(reader->header().vocab_size, 512);
}

}  // namespace
}  // namespace lathe
