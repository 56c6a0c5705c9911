#include "lathe/allocate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/fail.h"

namespace lathe {
namespace {

// What the answer may miss of the best.
constexpr double kTolerance = 1e-4;
// Partial sums that are followed; more are never met but where classes are alike in all figures.
constexpr std::size_t kMostStates = 200'000;
constexpr int kHalvings = 200;

// A choice by its two figures: `cost` is limited, `loss` made small.
struct Figures {
  double cost = 0.0;
  double loss = 0.0;
};
using Classes = std::vector<std::vector<Figures>>;

struct Sum {
  Figures figures;
  std::vector<std::size_t> chosen;
};

// The best of each class for a price of cost.
Sum at_price(const Classes& classes, double price) {
  Sum sum;
  for (const auto& choices : classes) {
    const auto value = [&](const Figures& f) { return f.loss + price * f.cost; };
    std::size_t best = 0;
    for (std::size_t i = 1; i < choices.size(); ++i) {
      const double x = value(choices[i]), y = value(choices[best]);
      if (x < y || (x == y && choices[i].cost < choices[best].cost)) best = i;
    }
    sum.chosen.push_back(best);
    sum.figures.cost += choices[best].cost;
    sum.figures.loss += choices[best].loss;
  }
  return sum;
}

// The lowest price at which the limit is kept, by halving: on logarithms, since prices span many
// orders.
double price_for(const Classes& classes, double limit) {
  if (at_price(classes, 0.0).figures.cost <= limit) return 0.0;
  double low = 1e-30, high = 1e30;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = std::sqrt(low * high);
    (at_price(classes, middle).figures.cost <= limit ? high : low) = middle;
  }
  return high;
}

struct State {
  Figures figures;
  std::size_t before = 0;  // in the list of the class before
  std::size_t choice = 0;
};

// Only states that no other beats in both figures, by cost.
void keep_undominated(std::vector<State>& states) {
  std::ranges::sort(states, [](const State& a, const State& b) {
    if (a.figures.cost != b.figures.cost) return a.figures.cost < b.figures.cost;
    return a.figures.loss < b.figures.loss;
  });
  double least = std::numeric_limits<double>::infinity();
  std::erase_if(states, [&](const State& s) {
    if (s.figures.loss >= least) return true;
    least = s.figures.loss;
    return false;
  });
}

// What remains after the price's own choice is filled up with: the best that dynamic programming
// finds among sums whose bound beats it.
std::vector<std::size_t> solve(const Classes& classes, double limit) {
  const double price = price_for(classes, limit);
  Sum best = at_price(classes, price);
  if (price == 0.0) return best.chosen;
  std::vector<double> rest(classes.size() + 1, 0.0);  // Lagrangian of the classes from here on
  for (std::size_t c = classes.size(); c-- > 0;) {
    double least = std::numeric_limits<double>::infinity();
    for (const Figures& f : classes[c]) least = std::min(least, f.loss + price * f.cost);
    rest[c] = rest[c + 1] + least;
  }
  std::vector<std::vector<State>> states(classes.size() + 1);
  states[0].push_back({});
  const auto bound = [&](const Figures& f, std::size_t from) {
    return f.loss + price * f.cost + rest[from] - price * limit;
  };
  for (std::size_t c = 0; c < classes.size(); ++c) {
    std::vector<State>& next = states[c + 1];
    for (std::size_t s = 0; s < states[c].size(); ++s) {
      for (std::size_t i = 0; i < classes[c].size(); ++i) {
        const Figures& add = classes[c][i];
        const Figures& from = states[c][s].figures;
        const Figures sum{from.cost + add.cost, from.loss + add.loss};
        if (sum.cost > limit) continue;
        if (bound(sum, c + 1) > best.figures.loss * (1.0 - kTolerance)) continue;
        next.push_back({sum, s, i});
      }
    }
    keep_undominated(next);
    if (next.size() > kMostStates) {
      std::ranges::nth_element(next, next.begin() + static_cast<std::ptrdiff_t>(kMostStates), {},
                               [&](const State& s) { return bound(s.figures, c + 1); });
      next.resize(kMostStates);
    }
  }
  const auto& last = states.back();
  const auto found =
      std::ranges::min_element(last, {}, [](const State& s) { return s.figures.loss; });
  if (found == last.end() || found->figures.loss >= best.figures.loss) return best.chosen;
  std::vector<std::size_t> chosen(classes.size());
  const State* at = &*found;
  for (std::size_t c = classes.size(); c-- > 0;) {
    chosen[c] = at->choice;
    at = &states[c][at->before];
  }
  return chosen;
}

Allocation total(std::span<const MatrixChoices> matrices, std::vector<std::size_t> chosen) {
  Allocation out;
  for (std::size_t m = 0; m < matrices.size(); ++m) {
    out.bytes += matrices[m].choices[chosen[m]].bytes;
    out.loss += matrices[m].choices[chosen[m]].loss;
  }
  out.chosen = std::move(chosen);
  return out;
}

Classes classes_of(std::span<const MatrixChoices> matrices, bool bytes_limited) {
  Classes out;
  for (const MatrixChoices& matrix : matrices) {
    out.emplace_back();
    for (const SchemeChoice& choice : matrix.choices) {
      const auto bytes = static_cast<double>(choice.bytes);
      out.back().push_back(bytes_limited ? Figures{bytes, choice.loss}
                                         : Figures{choice.loss, bytes});
    }
  }
  return out;
}

double least_cost(const Classes& classes) {
  double sum = 0.0;
  for (const auto& choices : classes) {
    sum += std::ranges::min_element(choices, {}, &Figures::cost)->cost;
  }
  return sum;
}

}  // namespace

Allocation allocate_bytes(std::span<const MatrixChoices> matrices, std::uint64_t most) {
  const Classes classes = classes_of(matrices, true);
  const double least = least_cost(classes);
  if (least > static_cast<double>(most)) {
    fail(ErrorCode::kUsage, "{} bytes are asked for, and the matrices take {:.0f} at least", most,
         least);
  }
  return total(matrices, solve(classes, static_cast<double>(most)));
}

Allocation allocate_loss(std::span<const MatrixChoices> matrices, double most) {
  const Classes classes = classes_of(matrices, false);
  const double least = least_cost(classes);
  if (least > most) {
    fail(ErrorCode::kUsage, "a loss of {:.3g} is asked for, and the best schemes lose {:.3g}", most,
         least);
  }
  return total(matrices, solve(classes, most));
}

std::vector<Allocation> allocation_curve(std::span<const MatrixChoices> matrices,
                                         std::size_t points) {
  const Classes classes = classes_of(matrices, true);
  const double least = least_cost(classes);
  const double most = at_price(classes, 0.0).figures.cost;
  std::vector<Allocation> out;
  for (std::size_t i = 0; i < points; ++i) {
    const double share =
        points < 2 ? 0.0 : static_cast<double>(i) / static_cast<double>(points - 1);
    Allocation one = total(matrices, solve(classes, least + share * (most - least)));
    if (out.empty() || one.bytes > out.back().bytes) out.push_back(std::move(one));
  }
  return out;
}

}  // namespace lathe
