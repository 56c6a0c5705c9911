#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <xxhash.h>

#include "lathe/sgp/svg_move.h"

#include "base/fail.h"
#include "base/pcg.h"
#include "sgp/svg/mover.h"

namespace lathe {
namespace {

constexpr double kReach = 1.0 / 16.0;  // of the canvas: the longest shift
// Of the benchmark's sets: at least and at most, in shares of the canvas.
constexpr double kNear = 0.005, kFar = 0.01;
constexpr int kDecimals = 3;
constexpr int kMinTurn = 5, kMaxTurn = 30;  // degrees: what was above stays above
constexpr double kUnknownSize = 100.0;

// -n..n, all as likely.
int between(Pcg32& random, int low, int high) {
  const auto range = static_cast<std::uint32_t>(high - low + 1);
  return low + static_cast<int>((std::uint64_t{random.next()} * range) >> 32);
}

// A whole number of steps, where a step is 1, 0.1, ... so that there are a few of them.
double draw_shift(Pcg32& random, double reach) {
  double step = 1.0;
  int digits = 0;
  while (reach / step < 4.0 && digits < 6) {
    step /= 10.0;
    ++digits;
  }
  const int most = static_cast<int>(std::min(reach / step, 1e6));
  if (most < 1) return 0.0;
  const int drawn = between(random, -most, most);
  return svg::rounded((drawn == 0 ? 1 : drawn) * step, digits);
}

// kNear to kFar of the size, in steps of a thousandth, smaller ones where that would be only a few.
double draw_small_shift(Pcg32& random, double size) {
  int digits = kDecimals;
  double step = std::pow(10.0, -digits);
  while ((kFar - kNear) * size / step < 10.0 && digits < 9) {
    step /= 10.0;
    ++digits;
  }
  constexpr double kStepLimit = 1e9;
  const int low = static_cast<int>(std::min(std::ceil(kNear * size / step), kStepLimit));
  const int high = static_cast<int>(std::min(std::floor(kFar * size / step), kStepLimit));
  return svg::rounded(between(random, low, std::max(low, high)) * step, digits);
}

}  // namespace

MovedSvg move_svg(std::string_view text, const SvgMove& move) {
  const auto motion =
      svg::Motion::about(move.degrees, {move.center_x, move.center_y}, {move.dx, move.dy});
  svg::Mover mover(text, motion);
  MovedSvg out;
  out.text = mover.run();
  out.notes.assign(mover.notes().begin(), mover.notes().end());
  return out;
}

SvgMove draw_svg_move(std::string_view text, SvgMoveKind kind, std::uint64_t seed, int copy) {
  const svg::Markup markup(text);
  const auto root = std::find_if(markup.elements().begin(), markup.elements().end(),
                                 [](const svg::Element& e) { return e.name == "svg"; });
  if (root == markup.elements().end()) fail_invalid("no svg element");
  svg::Canvas canvas = svg::canvas_of(markup, *root);
  if (canvas.width <= 0.0) canvas.width = canvas.height > 0.0 ? canvas.height : kUnknownSize;
  if (canvas.height <= 0.0) canvas.height = canvas.width;

  const bool turn = kind == SvgMoveKind::kRotate;
  Pcg32 random(XXH3_64bits_withSeed(text.data(), text.size(), seed),
               2 * static_cast<std::uint64_t>(copy) + (turn ? 1 : 0));
  SvgMove move;
  if (kind == SvgMoveKind::kTranslate) {
    move.dx = draw_small_shift(random, canvas.width);
    move.dy = draw_small_shift(random, canvas.height);
    return move;
  }
  move.dx = draw_shift(random, canvas.width * kReach);
  move.dy = draw_shift(random, canvas.height * kReach);
  if (turn) {
    const int degrees = between(random, kMinTurn, kMaxTurn);
    move.degrees = between(random, 0, 1) == 0 ? degrees : -degrees;
    move.center_x = canvas.x + canvas.width / 2.0;
    move.center_y = canvas.y + canvas.height / 2.0;
  }
  return move;
}

std::string svg_transform_of(const SvgMove& move) {
  std::string out = fmt::format("translate({} {})", move.dx, move.dy);
  if (move.degrees != 0.0) {
    out += fmt::format(" rotate({} {} {})", move.degrees, move.center_x, move.center_y);
  }
  return out;
}

}  // namespace lathe
