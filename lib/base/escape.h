// Escaping for messages is public, because the tools need it too: see lathe/escape.h.
#pragma once

#include "lathe/host/escape.h"
