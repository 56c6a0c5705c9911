// Experts of gpt-oss, put together as its folders hold them (checkpoint/split_experts.h draws how).
//
// Errors: kUnsupported, naming the tensors, where experts of a layer are of several types.
#pragma once

#include "convert/plan.h"

namespace lathe {

// Puts what holds all experts of a layer in the place of their tensors; MXFP4 stays what it is.
void join_experts(const Checkpoint& checkpoint, Plan& plan);

}  // namespace lathe
