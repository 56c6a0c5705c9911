// A SafetensorsReader as what keeps a checkpoint's bytes alive.
#pragma once

#include <memory>
#include <utility>

#include "checkpoint/stored_checkpoint.h"
#include "container/safetensors_reader.h"

namespace lathe {

class SafetensorsBytes final : public TensorBytes {
 public:
  explicit SafetensorsBytes(std::shared_ptr<const SafetensorsReader> reader)
      : reader_(std::move(reader)) {}
  bool unchanged() const noexcept override { return reader_->unchanged(); }
  void drop(std::size_t index) const noexcept override { reader_->drop(index); }

 private:
  std::shared_ptr<const SafetensorsReader> reader_;
};

}  // namespace lathe
