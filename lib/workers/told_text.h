// What the caller of a request was told of its answers' text, piece by piece.
//
// A worker may be lost when part of an answer has been told; who takes its place sends the same
// bytes from the beginning, and what has been told already is not told twice. What was lost on the
// way is told at the end.
//
// Of one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>

#include "lathe/engine.h"
#include "lathe/reasoning.h"
#include "lathe/serve/service.h"

namespace lathe {

class ToldText {
 public:
  // Tells of a piece with so many bytes of its kind before it, where that is what is next. Throws
  // what the caller does.
  void tell(const Request& request, const AnswerPiece& piece, std::uint64_t at) {
    if (piece.sample < 0 || piece.sample >= request.samples) return;
    tell_rest(request, piece.sample, piece.reasoning, at, piece.text);
  }
  // Tells what is left of answers that are whole.
  void end(const Request& request, const Completion& done) {
    for (int i = 0; i < request.samples; ++i) {
      const Generation& sample = done.samples[static_cast<std::size_t>(i)];
      tell_rest(request, i, true, 0, sample.reasoning);
      tell_rest(request, i, false, 0, sample.text);
    }
  }
  // Nobody wants to hear more of any of its answers.
  bool unheard(const Request& request) const noexcept {
    const auto deaf = std::count_if(samples_.begin(), samples_.end(),
                                    [](const auto& entry) { return entry.second.deaf; });
    return request.samples > 0 && deaf == request.samples;
  }

 private:
  struct Sample {
    std::uint64_t text = 0, reasoning = 0;  // bytes that were told
    bool deaf = false;
  };

  void tell_rest(const Request& request, int number, bool reasoning, std::uint64_t at,
                 std::string_view text) {
    Sample& sample = samples_[number];
    std::uint64_t& told = reasoning ? sample.reasoning : sample.text;
    if (sample.deaf || at > told || at + text.size() <= told) return;
    text.remove_prefix(static_cast<std::size_t>(told - at));
    told += text.size();
    if (!reasoning) {
      if (request.on_text) sample.deaf = !request.on_text(number, text);
    } else if (request.options.reasoning != nullptr && request.options.reasoning->on_text) {
      request.options.reasoning->on_text(text);
    }
  }

  std::map<int, Sample> samples_;
};

}  // namespace lathe
