#include "serve/text_vectors.h"

#include <chrono>
#include <thread>
#include <utility>

#include "lathe/embedding.h"

#include "serve/http_answer.h"

namespace lathe::tool {
namespace {

constexpr std::chrono::milliseconds kPatience{100};

}  // namespace

bool TextVectors::submit_next() {
  if (next_ == request_.texts.size() || std::cmp_equal(pending_.size(), flags_.max_batch)) {
    return false;
  }
  Request request;
  request.prompt = request_.texts[next_];
  request.samples = 0;
  request.timeout = flags_.request_timeout;
  auto answer = service_.submit(std::move(request));
  if (answer == nullptr) return false;
  pending_.push_back(std::move(answer));
  ++next_;
  return true;
}

TextVectors::End TextVectors::wait(const std::function<bool()>& gone) {
  while (done_.size() < request_.texts.size()) {
    while (submit_next()) {
    }
    if (next_ == 0) return End::kNoPlace;
    if (gone()) return End::kGone;
    if (pending_.empty()) {  // others have taken its places
      std::this_thread::sleep_for(kPatience);
      continue;
    }
    AnswerNews news = pending_.front()->wait(kPatience);
    if (!news.done) continue;
    pending_.pop_front();
    if (news.done->error) {
      failure_ = news.done->error;
      late_ = timed_out(flags_.request_timeout, *news.done);
      return End::kFailed;
    }
    done_.push_back(*std::move(news.done));
  }
  return End::kDone;
}

std::vector<std::vector<float>> TextVectors::vectors() const {
  std::vector<std::vector<float>> out;
  out.reserve(done_.size());
  for (const Completion& done : done_) out.push_back(vector_of(done));
  return out;
}

}  // namespace lathe::tool
