#pragma once

#include "program.h"

namespace learn_rt {

// Makes one instruction of what step graphs write out: the cells of an LSTM or a GRU. What does not match stays as it
// is.
Program fuse(Program program);

// Of that, the GRU's: what the cells no longer read is left in place.
void fuse_gru_cells(Program& program);

}  // namespace learn_rt
