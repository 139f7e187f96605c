#pragma once

#include "program.h"

namespace learn_rt {

// Makes one instruction of what step graphs write out: the cells of an LSTM. What does not match stays as it is.
Program fuse(Program program);

}  // namespace learn_rt
