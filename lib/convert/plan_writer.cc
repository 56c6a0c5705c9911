#include "convert/plan_writer.h"

namespace lathe {

void PlanWriter::append(std::span<const std::byte> bytes) {
  sum_.add(bytes);
  put(bytes);
}

std::string PlanWriter::end_tensor() {
  std::string sum = sum_.text();
  sum_.reset();
  sums_ += sum + ' ';
  return sum;
}

void PlanWriter::keep_tensor(const std::string& sum) {
  keep();
  sums_ += sum + ' ';
}

}  // namespace lathe
