// Questions that a data set holds twice.
#pragma once

#include "lathe/sgp/question.h"

namespace lathe {

// Gives an error to every question whose split, subject, id and text are those of an earlier one.
// The same id alone is no fault: the benchmark numbers within a subject. Thread-safe.
void refuse_duplicate_questions(SgpQuestions& questions);

}  // namespace lathe
