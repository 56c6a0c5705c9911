#include "engine/step_pace.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

// A machine that takes `step` seconds for a step and `row` for each of its rows.
struct Machine {
  double step, row;
  double takes(std::int64_t rows) const { return step + row * static_cast<double>(rows); }
};

TEST(StepPace, AStepWithAPromptTakesLessThanThreeOfThoseWithout) {
  // Arithmetic is what costs; reading the weights is; something between.
  for (const Machine machine : {Machine{0.0, 0.003}, Machine{0.08, 0.001}, Machine{0.013, 0.003}}) {
    for (const std::int64_t decoding : {8, 16, 31}) {
      StepPace pace;
      for (int i = 0; i < 8; ++i) pace.note(decoding, 0, machine.takes(decoding));
      std::int64_t read = 0;
      for (int i = 0; i < 40; ++i) {
        const std::int64_t room = pace.prompt_room(decoding);
        ASSERT_GE(room, 8);
        const double took = machine.takes(decoding + room);
        if (i > 2) {
          EXPECT_LT(took, 3 * machine.takes(decoding)) << machine.step << " " << decoding;
        }
        pace.note(decoding, room, took);
        read += room;
      }
      // And it is not slower than need be.
      const std::int64_t room = pace.prompt_room(decoding);
      EXPECT_GT(machine.takes(decoding + room + 8), 2.0 * machine.takes(decoding));
      EXPECT_GT(read, 40 * 8 - 1);
    }
  }
}

TEST(StepPace, FollowsADeepContextAndOtherCounts) {
  StepPace pace;
  for (int i = 0; i < 8; ++i) pace.note(8, 0, 0.040);
  for (int i = 0; i < 20; ++i) pace.note(8, 16, 0.040 + 16 * 0.003);
  const std::int64_t before = pace.prompt_room(8);
  for (int i = 0; i < 20; ++i) pace.note(8, 16, 0.040 + 16 * 0.006);
  EXPECT_NEAR(pace.seconds_per_prompt_row(), 0.006, 0.0001);
  EXPECT_LT(pace.prompt_room(8), before);
  EXPECT_GT(pace.prompt_room(16), pace.prompt_room(8));
}

TEST(StepPace, AStepMayTakeSoLongInAnyCase) {
  StepPace pace;
  for (int i = 0; i < 8; ++i) pace.note(2, 0, 0.005);
  for (int i = 0; i < 20; ++i) pace.note(2, 30, 0.005 + 30 * 0.001);
  EXPECT_EQ(pace.prompt_room(2), 8);
  EXPECT_NEAR(static_cast<double>(pace.prompt_room(2, 0.040)), 35, 4);
  EXPECT_EQ(pace.prompt_room(2, 0.001), 8);  // twice as long is more
}

TEST(StepPace, BeforeAnythingIsKnownItGoesByCounts) {
  StepPace pace;
  EXPECT_EQ(pace.prompt_room(8), StepPace::usual_room(8));
  EXPECT_EQ(StepPace::usual_room(8), 16);
  EXPECT_EQ(StepPace::usual_room(1), 8);
  EXPECT_LE(StepPace::usual_room(4096), kMaxPromptRows);
  pace.note(0, 256, 0.8);
  EXPECT_NEAR(pace.seconds_per_prompt_row(), 0.8 / 256, 1e-9);
  EXPECT_EQ(pace.prompt_room(8), StepPace::usual_room(8));
}

}  // namespace
}  // namespace lathe
