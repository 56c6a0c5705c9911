// An answer that is sent as it comes: server-sent events, a chunk each, and "[DONE]".
#pragma once

#include <functional>
#include <httplib.h>
#include <memory>
#include <string>

#include "lathe/serve/api.h"
#include "lathe/serve/service.h"

namespace lathe::tool {

class AnswerStream {
 public:
  // `news` is what came already. `on_end` sees the completion.
  AnswerStream(ApiRequest request, std::shared_ptr<PendingAnswer> answer, AnswerNews news,
               ApiIdentity identity, std::shared_ptr<const Tokenizer> tokenizer,
               std::function<void(const Completion&)> on_end);

  // Sends what is there, or waits a moment for it. False: the caller is gone.
  bool send_more(httplib::DataSink& sink);

 private:
  bool send(httplib::DataSink& sink, const std::string& json);
  bool end(httplib::DataSink& sink, const Completion& done);

  ApiRequest request_;
  std::shared_ptr<PendingAnswer> answer_;
  AnswerNews news_;
  ApiIdentity identity_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::function<void(const Completion&)> on_end_;
  bool begun_ = false;
};

}  // namespace lathe::tool
