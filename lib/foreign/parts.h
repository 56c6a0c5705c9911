// The tensors that a method's matrices are made of: how its reader finds and checks them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fail.h"
#include "container/safetensors_reader.h"
#include "foreign/foreign.h"

namespace lathe {

// One part.
struct Part {
  std::string name;
  std::size_t index = 0;
  DType type = DType::kU8;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
  std::string_view bytes_type;  // SafetensorsReader's

  bool is(std::string_view name) const noexcept { return bytes_type == name; }
};

class Parts {
 public:
  Parts(const SafetensorsReader& file, std::span<const ForeignPart> tensors);

  const std::string& file() const noexcept { return file_.path(); }
  // What stands before `suffix` in each name that ends so, in the order of names.
  std::vector<std::string> stems(std::string_view suffix) const;
  bool has(const std::string& name) const { return index_.contains(name); }
  // The part, which counts as used from now on. Throws kInvalid where it is lacking.
  Part take(const std::string& name);
  // Looks without taking.
  Part look(const std::string& name) const;
  // Used, and of no use here.
  void drop(const std::string& name);

  // Throws kInvalid unless the part is a matrix of a row and a column at least; has that shape; a
  // type of those.
  void require_matrix(const Part& part) const;
  void require_shape(const Part& part, std::span<const std::int64_t> shape) const;
  void require_type(const Part& part, std::initializer_list<DType> types) const;
  // One of floats that a Factors can read.
  void require_scales(const Part& part) const;
  // Throws kInvalid: the file, the part's name, and what is said.
  template <typename... Args>
  [[noreturn]] void fail(const Part& part, fmt::format_string<Args...> format,
                         Args&&... args) const {
    fail_part(part.name, fmt::format(format, std::forward<Args>(args)...));
  }

  // The matrix is made of the parts taken since the last one.
  void add(const Part& codes, std::string stem, std::shared_ptr<const ForeignMatrix> matrix);
  // Throws kInvalid for codes that are left over.
  ForeignTensors finish();

 private:
  void refuse_codes_alone() const;
  [[noreturn]] void fail_part(const std::string& name, const std::string& what) const;

  const SafetensorsReader& file_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::uint64_t bytes_ = 0;  // of the parts taken for the next matrix
  ForeignTensors out_;
};

}  // namespace lathe
