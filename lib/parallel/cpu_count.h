// The count is public, because the tools need it too: see lathe/cpu_count.h.
#pragma once

#include "lathe/host/cpu_count.h"
