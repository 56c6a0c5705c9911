// A question to a judge, whatever becomes of it.
#pragma once

#include <atomic>

#include "lathe/answer_check.h"

namespace lathe {

// What it throws is a verdict too: kBroken, and why.
CheckVerdict ask_judge(AnswerJudge& judge, const CheckedText& text,
                       const std::atomic<bool>& given_up);

}  // namespace lathe
