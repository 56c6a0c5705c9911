#include "convert/writers.h"

#include "base/fail.h"

namespace lathe {

// Each format's own, in write_*.cc.
std::unique_ptr<PlanWriter> make_lathe_writer(const Checkpoint& checkpoint, const Plan& plan,
                                              const ConvertOptions& options, ByteOutput& out);

void check_gguf_can_hold(const Checkpoint& checkpoint, const Plan& plan);
std::unique_ptr<PlanWriter> make_gguf_writer(const Checkpoint& checkpoint, const Plan& plan,
                                             const ConvertOptions& options, ByteOutput& out);

void check_hugging_face_can_hold(const Checkpoint& checkpoint, const Plan& plan);
void write_hugging_face(const Checkpoint& checkpoint, const Plan& plan, const std::string& folder,
                        const ConvertOptions& options);

namespace {

constexpr FormatWriter kWriters[] = {
    {CheckpointFormat::kLathe, &TensorSlot::lathe, nullptr, make_lathe_writer, nullptr},
    {CheckpointFormat::kGguf, &TensorSlot::gguf, check_gguf_can_hold, make_gguf_writer, nullptr},
    {CheckpointFormat::kHuggingFace, &TensorSlot::hugging_face, check_hugging_face_can_hold,
     nullptr, write_hugging_face},
};

}  // namespace

const FormatWriter& writer_of(CheckpointFormat format) {
  for (const FormatWriter& writer : kWriters) {
    if (writer.format == format) return writer;
  }
  fail_unsupported("{}'s format is read, not written", format.name);
}

}  // namespace lathe
