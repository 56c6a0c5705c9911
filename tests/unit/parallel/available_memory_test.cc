#include "lathe/host/available_memory.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

TEST(AvailableMemory, KnowsSomeMemory) { EXPECT_GT(available_memory(), 1u << 20); }

}  // namespace
}  // namespace lathe
