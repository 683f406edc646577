/* What the tests of channels share. */
#ifndef GT_TESTS_CHANNELS_H
#define GT_TESTS_CHANNELS_H

#include "common.h"

static const size_t capacities[] = {0, 1, 2, 7, 128};

#endif
