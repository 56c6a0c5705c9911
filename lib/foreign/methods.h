// The readers of methods, one file each.
#pragma once

#include "base/json.h"
#include "foreign/parts.h"

namespace lathe {

void read_gptq(const JsonView& config, Parts& parts);
void read_awq(const JsonView& config, Parts& parts);
void read_auto_round(const JsonView& config, Parts& parts);
void read_compressed_tensors(const JsonView& config, Parts& parts);
void read_bitsandbytes(const JsonView& config, Parts& parts);
void read_hqq(const JsonView& config, Parts& parts);
void read_bitnet(const JsonView& config, Parts& parts);
void read_fp8(const JsonView& config, Parts& parts);
void read_modelopt(const JsonView& config, Parts& parts);

}  // namespace lathe
