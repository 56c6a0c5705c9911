// What the handles of lathe/c/lathe.h hold.
#pragma once

#include <memory>

#include "lathe/c/lathe.h"
#include "lathe/conversation.h"
#include "lathe/model.h"
#include "lathe/sampler.h"
#include "lathe/session.h"
#include "lathe/tokenizer.h"

struct lathe_model {
  std::shared_ptr<const lathe::Tokenizer> tokenizer;
  std::shared_ptr<const lathe::Model> model;
};

struct lathe_session {
  lathe_model model;
  std::unique_ptr<lathe::Session> session;
  lathe::Conversation text;
  lathe::Generation answer;  // the last one
};

struct lathe_sampler {
  lathe::Sampler sampler;
};
