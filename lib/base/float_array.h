// Floats in JSON, each in so few digits that it is read back as the same float.
#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "base/widen_float.h"

namespace lathe {

inline nlohmann::ordered_json float_array(std::span<const float> values) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const float x : values) out.push_back(widen_float(static_cast<double>(x)));
  return out;
}

}  // namespace lathe
