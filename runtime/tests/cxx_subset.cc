// The files that a model checker compiles are in the common subset of C11 and
// C++17: this one is built, and has nothing to run.
#include "../src/runq.h"

#include "../src/next_slot.h"

#include "../src/idle.h"

#include "../src/inject.c"

#include "../src/park.c"

#include "../src/waitq.h"

#include "../src/chan.c"
