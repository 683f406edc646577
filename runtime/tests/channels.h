/* What the tests of channels share. */
#ifndef GT_TESTS_CHANNELS_H
#define GT_TESTS_CHANNELS_H

#include "common.h"

static const size_t capacities[] = {0, 1, 2, 7, 128};

/* Runs `fn` as the first task, on one worker and on two. */
static inline void on_1_and_2(gt_fn *fn)
{
    run_on(1, fn, NULL);
    run_on(2, fn, NULL);
}

static inline void spawn(gt_group *group, gt_fn *fn, void *arg)
{
    CHECK(gt_group_spawn(group, fn, arg, NULL) == 0);
}

#endif
