#include "checkpoint/sampling_gguf.h"

#include <fmt/format.h>

namespace lathe {
namespace {

class Members {
 public:
  void add(const char* name, const std::string& value) {
    text_ += fmt::format("{}\"{}\": {}", text_.empty() ? "" : ", ", name, value);
  }
  std::string take() const { return text_.empty() ? std::string() : "{" + text_ + "}"; }

 private:
  std::string text_;
};

}  // namespace

std::string generation_config_of(const GgufReader& gguf) {
  Members out;
  // The shortest text of the float: 0.6, not the double that lies next to it.
  const auto number = [&](const char* key, const char* name) {
    if (const auto value = gguf.get_double(key)) {
      out.add(name, fmt::format("{}", static_cast<float>(*value)));
    }
  };
  number("general.sampling.temp", "temperature");
  if (const auto k = gguf.get_int("general.sampling.top_k")) {
    out.add("top_k", fmt::format("{}", *k));
  }
  number("general.sampling.top_p", "top_p");
  number("general.sampling.min_p", "min_p");
  number("general.sampling.penalty_repeat", "repetition_penalty");
  return out.take();
}

}  // namespace lathe
