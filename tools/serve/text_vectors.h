// The vectors of a request's texts, asked for one by one.
//
// A request has no more texts at the engine than run at once, whatever it brings: others find a
// place beside it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "lathe/serve/embeddings.h"
#include "lathe/serve/service.h"

#include "serve/options.h"

namespace lathe::tool {

class TextVectors {
 public:
  enum class End {
    kDone,
    kGone,     // nobody waits for them
    kNoPlace,  // not even for the first text
    kFailed,   // failure() of a text
  };

  // All of them must outlive this.
  TextVectors(Service& service, const EmbeddingsRequest& request, const ServeFlags& flags)
      : service_(service), request_(request), flags_(flags) {}

  // `gone` says whether somebody still waits. What is not done is cancelled with this.
  End wait(const std::function<bool()>& gone);

  // In the texts' order.
  const std::vector<Completion>& completions() const noexcept { return done_; }
  std::vector<std::vector<float>> vectors() const;
  const std::optional<Failure>& failure() const noexcept { return failure_; }
  bool late() const noexcept { return late_; }  // it failed because its time was up

 private:
  // Whether there is a text beyond those that are asked for, and a place for it.
  bool submit_next();

  Service& service_;
  const EmbeddingsRequest& request_;
  const ServeFlags& flags_;
  std::size_t next_ = 0;                                // text that is asked for next
  std::deque<std::shared_ptr<PendingAnswer>> pending_;  // before it
  std::vector<Completion> done_;
  std::optional<Failure> failure_;
  bool late_ = false;
};

}  // namespace lathe::tool
